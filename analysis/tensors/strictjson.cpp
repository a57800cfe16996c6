#include "analysis/tensors/strictjson.h"

#include <utility>
#include <vector>

#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

using Json = nlohmann::json;

// Builds the document as the parser meets it. (The library's own parser with a callback walks through all members of
// an object whenever one of them ends: quadratic in the number of tensors.)
class Builder final : public Json::json_sax_t {
 public:
  Builder(const std::string& name, std::uint64_t budgetBytes) : subject(name), budget(budgetBytes) {}

  Json take() { return std::move(root); }

  bool null() override { return add(Json()); }
  bool boolean(bool value) override { return add(Json(value)); }
  bool number_integer(number_integer_t value) override { return add(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return add(Json(value)); }
  bool number_float(number_float_t value, const string_t&) override { return add(Json(value)); }
  bool binary(binary_t&) override { return false; }
  bool string(string_t& value) override {
    spend(value.size());
    return add(Json(std::move(value)));
  }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    constexpr std::uint64_t entryBytes = 112;  // of a tree
    spend(entryBytes + name.size());
    auto& members = containers.back()->get_ref<Json::object_t&>();
    const auto [at, isNew] = members.emplace(std::move(name), nullptr);
    if (!isNew) refuse(subject, "has the key " + at->first + " twice", damagedAdvice);
    place = &at->second;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  bool add(Json value) {
    put(std::move(value));
    return true;
  }
  Json* put(Json value) {
    // In a vector that doubles; when the document is destroyed, its values pass through a second one.
    constexpr std::uint64_t valueBytes = 5 * sizeof(Json);
    spend(valueBytes);
    if (containers.empty()) {
      root = std::move(value);
      return &root;
    }
    if (containers.back()->is_array()) {
      auto& items = containers.back()->get_ref<Json::array_t&>();
      items.push_back(std::move(value));
      return &items.back();
    }
    *place = std::move(value);
    return place;
  }
  bool open(Json container) {
    constexpr std::size_t deepest = 64;
    if (containers.size() >= deepest) refuse(subject, "nests deeper than 64 levels", damagedAdvice);
    spend(sizeof(Json::object_t) + 16);
    containers.push_back(put(std::move(container)));
    return true;
  }
  bool close() {
    containers.pop_back();
    return true;
  }
  void spend(std::uint64_t bytes) {
    if (bytes > budget) refuse(subject, "takes more memory than the header of any checkpoint", damagedAdvice);
    budget -= bytes;
  }

  const std::string& subject;
  std::uint64_t budget;
  Json root;
  Json* place = nullptr;          // of the key that waits for its value
  std::vector<Json*> containers;  // open ones; what they lie in does not grow until they are closed
};

}  // namespace

nlohmann::json parseStrictJson(std::span<const std::byte> text, const std::string& subject, std::uint64_t budgetBytes) {
  const auto* first = reinterpret_cast<const char*>(text.data());
  Builder builder(subject, budgetBytes);
  if (!Json::sax_parse(first, first + text.size(), &builder)) refuse(subject, "is not valid JSON", damagedAdvice);
  return builder.take();
}

bool isUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const int more = lead < 0x80                   ? 0
                     : lead >= 0xc2 && lead < 0xe0 ? 1
                     : (lead & 0xf0) == 0xe0       ? 2
                     : lead >= 0xf0 && lead < 0xf5 ? 3
                                                   : -1;
    if (more < 0 || text.size() - i <= static_cast<std::size_t>(more)) return false;
    unsigned code = more == 0 ? lead : lead & (0x3fu >> more);
    for (int k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3fu);
    }
    const bool shortest = more < 2 || code >= (more == 2 ? 0x800u : 0x10000u);
    if (!shortest || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += static_cast<std::size_t>(more) + 1;
  }
  return true;
}

}  // namespace analysis
