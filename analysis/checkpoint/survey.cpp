#include "analysis/checkpoint/survey.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <sstream>

#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

std::string numberText(double value) {
  if (std::abs(value) < 1e9 && value == std::trunc(value)) return std::to_string(static_cast<long>(value));
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

std::string jsonText(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
  if (value.is_number_float()) return numberText(value.get<double>());
  return value.dump();
}

// What was expected: sizes that nothing told may be any.
std::string expectedText(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : ", ") + (size > 0 ? std::to_string(size) : "any");
  return "[" + text + "]";
}

}  // namespace

std::string shapeText(const std::vector<std::int64_t>& shape) {
  std::ostringstream text;
  text << '[';
  for (std::size_t i = 0; i < shape.size(); ++i) text << (i ? ", " : "") << shape[i];
  text << ']';
  return text.str();
}

Survey::Survey(std::shared_ptr<const TensorFile> tensors, Choices choices)
    : m_file(std::move(tensors)), m_choices(std::move(choices)), m_keys(canonicalKeys(*m_file)) {}

const TensorInfo* Survey::find(std::string_view key) const {
  const auto known = keys().find(key);
  return known == keys().end() ? nullptr : known->second;
}

std::vector<float> Survey::floats(std::string_view key) const {
  const TensorInfo* info = find(key);
  if (info == nullptr) refuse(m_file->path().string(), "has no weight " + std::string(key), "see its report");
  const auto stack =
      std::find_if(m_keys.stacks.begin(), m_keys.stacks.end(), [&](const auto& each) { return &each->info == info; });
  if (stack == m_keys.stacks.end()) return m_file->floats(info->name);
  std::vector<float> all;
  for (const TensorInfo* part : (*stack)->parts) {
    const std::vector<float> values = m_file->floats(part->name);
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

int Survey::size(std::string_view key, std::size_t dimension) const {
  const TensorInfo* info = find(key);
  if (info == nullptr || info->shape.size() <= dimension) return 0;
  const std::int64_t size = info->shape[dimension];
  constexpr std::int64_t largest = 1 << 26;  // small multiples of it fit an int
  if (size > largest) refuse(m_file->path().string(), "tensor " + info->name + " has an absurd shape", damagedAdvice);
  return static_cast<int>(size);
}

bool Survey::hasBelow(std::string_view prefix) const {
  const auto next = keys().lower_bound(prefix);
  return next != keys().end() && next->first.starts_with(prefix);
}

int Survey::size(std::initializer_list<std::pair<std::string, std::size_t>> places) const {
  for (const auto& [key, dimension] : places) {
    if (const int found = size(key, dimension); found != 0) return found;
  }
  return 0;
}

int Survey::countLayers(std::string_view prefix) const {
  int layers = 0;
  for (;; ++layers) {
    if (!hasBelow(std::string(prefix) + std::to_string(layers) + ".")) return layers;
  }
}

bool Survey::expect(const std::string& key, const std::vector<std::int64_t>& shape) {
  m_known.insert(key);
  const TensorInfo* info = find(key);
  if (info == nullptr) {
    report.missing.push_back(key + ": needed, not in the file");
    return false;
  }
  const bool fits = std::equal(shape.begin(), shape.end(), info->shape.begin(), info->shape.end(),
                               [](std::int64_t want, std::int64_t have) { return want <= 0 || want == have; });
  if (!fits) {
    report.shapeMismatch.push_back(key + ": is " + shapeText(info->shape) + ", expected " + expectedText(shape));
    return false;
  }
  if (info->type == DataType::unsupported) {
    report.skipped.push_back(key + ": has the type " + info->typeName + ", whose values cannot be read");
    return false;
  }
  return true;
}

void Survey::harmless(const std::string& key, const std::string& why) {
  m_known.insert(key);
  if (has(key)) report.extra.push_back(key + ": harmless, " + why);
}

bool Survey::tied(const std::string& key, const std::string& of) {
  m_known.insert(key);
  if (!has(of)) return true;  // its absence is reported where it is needed
  if (!has(key)) {
    report.tied.push_back(key + ": absent, taken from " + of);
    return true;
  }
  if (!equal(key, of)) return false;
  if (find(key)->storage != find(of)->storage) report.tied.push_back(key + ": same values as " + of);
  return true;
}

bool Survey::equal(const std::string& a, const std::string& b) const {
  const TensorInfo *first = find(a), *second = find(b);
  if (first == nullptr || second == nullptr || first->shape != second->shape) return false;
  if (first->storage == second->storage) return true;
  if (first->type == DataType::unsupported || second->type == DataType::unsupported) return false;
  constexpr std::uint64_t chunk = 1 << 16;
  std::vector<double> left, right;
  for (std::uint64_t at = 0; at < first->elementCount; at += chunk) {
    const auto count = static_cast<std::size_t>(std::min(chunk, first->elementCount - at));
    left.resize(count);
    right.resize(count);
    m_file->read(*first, at, std::span(left));
    m_file->read(*second, at, std::span(right));
    if (left != right) return false;
  }
  return true;
}

std::optional<nlohmann::json> Survey::configured(const std::vector<std::string>& names) const {
  const nlohmann::json& all = m_file->metadata();
  static constexpr std::array<const char*, 3> roots{"/hyper_parameters", "/config", ""};
  static constexpr std::array<const char*, 4> places{"", "/layer", "/model", "/model/layer"};
  for (const std::string& name : names) {
    for (const char* root : roots) {
      for (const char* place : places) {
        const nlohmann::json::json_pointer pointer(std::string(root) + place + "/" + name);
        if (!all.contains(pointer)) continue;
        const nlohmann::json& value = all.at(pointer);
        if (value.is_number() || value.is_boolean() || value.is_string()) return value;
      }
    }
  }
  return std::nullopt;
}

int Survey::fromShape(const std::string& setting, int value, const std::vector<std::string>& names) {
  Setting found{setting, std::to_string(value), Origin::shapes, "", {}};
  const auto said = configured(names);
  if (said && said->is_number() && said->get<double>() != value) {
    found.remark = "the configuration says " + jsonText(*said) + "; the shapes decide";
  }
  report.settings.push_back(found);
  return value;
}

const std::string* Survey::choice(const std::string& setting, const std::vector<std::string>& alternatives) {
  const auto wanted = m_choices.find(setting);
  if (wanted == m_choices.end() || alternatives.empty()) return nullptr;
  m_chosen.insert(setting);
  return &wanted->second;
}

double Survey::number(const std::string& setting, const std::vector<std::string>& names, double fallback,
                      const std::vector<std::string>& alternatives) {
  double value = fallback;
  Origin origin = Origin::fallback;
  if (const auto said = configured(names); said && said->is_number()) {
    value = said->get<double>();
    origin = Origin::configuration;
  }
  if (const std::string* wanted = choice(setting, alternatives)) {
    const char* end = wanted->data() + wanted->size();
    const auto parsed = std::from_chars(wanted->data(), end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end) {
      refuse(setting, "cannot be \"" + *wanted + "\"", "give a number");
    }
    origin = Origin::choice;
  }
  report.settings.push_back({setting, numberText(value), origin, "", alternatives});
  return value;
}

int Survey::integer(const std::string& setting, const std::vector<std::string>& names, int fallback,
                    const std::vector<std::string>& alternatives) {
  const double value = number(setting, names, fallback, alternatives);
  if (!(value >= 0 && value <= (1 << 30)) || value != static_cast<int>(value)) {
    refuse(m_file->path().string(), "its configuration gives " + numberText(value) + " for " + setting,
           "correct the configuration");
  }
  return static_cast<int>(value);
}

std::string Survey::word(const std::string& setting, const std::vector<std::string>& names, const std::string& fallback,
                         const std::vector<std::string>& alternatives) {
  std::string value = fallback;
  Origin origin = Origin::fallback;
  if (const auto said = configured(names)) {
    value = jsonText(*said);
    origin = Origin::configuration;
  }
  if (const std::string* wanted = choice(setting, alternatives)) {
    if (std::find(alternatives.begin(), alternatives.end(), *wanted) == alternatives.end()) {
      refuse(setting, "cannot be \"" + *wanted + "\"", "choose one of its alternatives");
    }
    value = *wanted;
    origin = Origin::choice;
  }
  report.settings.push_back({setting, value, origin, "", alternatives});
  return value;
}

bool Survey::flag(const std::string& setting, const std::vector<std::string>& names, bool fallback, bool choosable) {
  const std::vector<std::string> alternatives =
      choosable ? std::vector<std::string>{"on", "off"} : std::vector<std::string>{};
  return word(setting, names, fallback ? "on" : "off", alternatives) == "on";
}

std::string Survey::demand(const std::string& setting) {
  const auto wanted = m_choices.find(setting);
  if (wanted == m_choices.end()) return {};
  m_chosen.insert(setting);
  return wanted->second;
}

void Survey::recognise(const KnownFamily& family, const std::string& by) {
  report.family = family.name;
  report.recognisedBy = by;
}

void Survey::allowAll() {
  for (const auto& [key, info] : keys()) m_known.insert(key);
}

void Survey::addBank(Bank bank, std::shared_ptr<const FilterSource> source) {
  // Larger than any published bank by a factor of 64; products of the two stay far from overflow.
  if (bank.channels < 1 || bank.lengthSamples < 1 || bank.lengthSamples > (1 << 26) || bank.channels > (1 << 22)) {
    refuse(m_file->path().string(), "the filters of " + bank.path + " have an absurd shape", damagedAdvice);
  }
  banks.push_back(std::move(bank));
  sources.push_back(std::move(source));
}

void Survey::finish() {
  for (const auto& [setting, value] : m_choices) {
    if (!m_chosen.contains(setting)) {
      refuse(m_file->path().string(), "has no open setting " + setting, "choose among the settings of its report");
    }
  }
  std::map<std::uint64_t, std::string> firstOf;
  std::vector<std::string> unknown;
  for (const auto& [key, info] : keys()) {
    if (!m_known.contains(key)) unknown.push_back(key + ": unknown");
    const auto [at, isNew] = firstOf.emplace(info->storage, key);
    if (!isNew && info->elementCount > 0) report.tied.push_back(key + ": same storage as " + at->second);
  }
  report.extra.insert(report.extra.begin(), unknown.begin(), unknown.end());
  const std::vector<std::string>& remarks = m_file->remarks();
  report.skipped.insert(report.skipped.end(), remarks.begin(), remarks.end());
}

bool NaturalOrder::operator()(const std::string& a, const std::string& b) const {
  const auto digits = [](const std::string& text, std::size_t from) {
    const std::size_t end = text.find_first_not_of("0123456789", from);
    return std::min(end, text.size()) - from;
  };
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const std::size_t m = digits(a, i), n = digits(b, j);
    const int order = m != n && m > 0 && n > 0 ? (m < n ? -1 : 1) : a.compare(i, std::max<std::size_t>(m, 1), b, j, std::max<std::size_t>(n, 1));
    if (order != 0) return order < 0;
    i += std::max<std::size_t>(m, 1);
    j += std::max<std::size_t>(n, 1);
  }
  return a.size() < b.size();
}

Modules modulesWith(const Survey& survey, std::string_view ending) {
  Modules modules;
  for (const auto& [key, info] : survey.keys()) {
    if (!key.ends_with(ending)) continue;
    const std::size_t start = key.size() - ending.size();
    if (start == 0 || key[start - 1] == '.') modules.insert(key.substr(0, start));
  }
  return modules;
}

}  // namespace analysis
