// safetensors: u64 header length, JSON header, one buffer of values (huggingface/safetensors, format description).
#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "analysis/tensors/elements.h"
#include "analysis/tensors/storedtensors.h"
#include "analysis/tensors/strictjson.h"

namespace analysis {
namespace {

constexpr std::uint64_t largestHeader = 100'000'000;

struct Kind {
  DataType type;
  unsigned bits;
};

// Every type the format defines; those we cannot compute with are still listed.
const std::map<std::string, Kind, std::less<>>& kinds() {
  static const std::map<std::string, Kind, std::less<>> table{{"F64", {DataType::f64, 64}},
                                                              {"F32", {DataType::f32, 32}},
                                                              {"F16", {DataType::f16, 16}},
                                                              {"BF16", {DataType::bf16, 16}},
                                                              {"I64", {DataType::i64, 64}},
                                                              {"I32", {DataType::i32, 32}},
                                                              {"I16", {DataType::i16, 16}},
                                                              {"I8", {DataType::i8, 8}},
                                                              {"U8", {DataType::u8, 8}},
                                                              {"BOOL", {DataType::boolean, 8}},
                                                              {"C64", {DataType::c64, 64}},
                                                              {"U16", {DataType::u16, 16}},
                                                              {"U32", {DataType::u32, 32}},
                                                              {"U64", {DataType::u64, 64}},
                                                              {"F8_E4M3", {DataType::f8e4m3, 8}},
                                                              {"F8_E5M2", {DataType::f8e5m2, 8}},
                                                              {"F8_E4M3FNUZ", {DataType::f8e4m3fnuz, 8}},
                                                              {"F8_E5M2FNUZ", {DataType::f8e5m2fnuz, 8}},
                                                              {"F8_E8M0", {DataType::f8e8m0, 8}},
                                                              {"F6_E2M3", {DataType::unsupported, 6}},
                                                              {"F6_E3M2", {DataType::unsupported, 6}},
                                                              {"F4", {DataType::unsupported, 4}}};
  return table;
}

struct Range {
  std::uint64_t begin, end;
  const std::string* name;
};

class HeaderReader {
 public:
  HeaderReader(const std::filesystem::path& path, std::shared_ptr<const Blob> file, std::uint64_t start)
      : subject(path.string()), fileName(path.filename().string()), blob(std::move(file)), bufferStart(start) {}

  StoredTensor tensor(const std::string& name, const nlohmann::json& entry) {
    const std::string where = subject + ", tensor " + name;
    const auto field = [&](const char* key) -> const nlohmann::json& {
      const auto at = entry.is_object() ? entry.find(key) : entry.end();
      if (!entry.is_object() || at == entry.end()) refuse(where, std::string("has no ") + key, damagedAdvice);
      return *at;
    };
    const nlohmann::json& typeName = field("dtype");
    const nlohmann::json& sizes = field("shape");
    const nlohmann::json& offsets = field("data_offsets");
    if (!typeName.is_string() || !isNaturals(sizes) || !isNaturals(offsets) || offsets.size() != 2) {
      refuse(where, "has a dtype, shape or data_offsets of the wrong form", damagedAdvice);
    }
    const auto kind = kinds().find(typeName.get_ref<const std::string&>());
    if (kind == kinds().end()) {
      refuse(where, "has the unknown dtype " + typeName.get<std::string>(), "convert it to float32 or bfloat16");
    }
    StoredTensor stored;
    stored.info = {name, kind->second.type, typeName.get<std::string>(), sizes.get<std::vector<std::int64_t>>(),
                   0,    fileName};
    const auto count = elementCount(stored.info.shape);
    if (!count || *count > (std::uint64_t(1) << 56)) refuse(where, "has an absurd shape", damagedAdvice);
    stored.info.elementCount = *count;
    stored.blob = blob;
    const auto begin = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
    const std::uint64_t bufferSize = blob->size() - bufferStart;
    if (begin > end || end > bufferSize) {
      refuse(where, "lies beyond the end of the file (the file is truncated)", "copy or download the file again");
    }
    if ((*count * kind->second.bits + 7) / 8 != end - begin) {
      refuse(where, "has a shape that does not match its bytes", damagedAdvice);
    }
    stored.byteOffset = bufferStart + begin;
    return stored;
  }

 private:
  static bool isNaturals(const nlohmann::json& list) {
    constexpr std::uint64_t largest = std::uint64_t(1) << 62;
    return list.is_array() && std::all_of(list.begin(), list.end(), [](const nlohmann::json& n) {
             return n.is_number_unsigned() && n.get<std::uint64_t>() <= largest;
           });
  }

  std::string subject, fileName;
  std::shared_ptr<const Blob> blob;
  std::uint64_t bufferStart;
};

void checkCoverage(std::vector<Range> ranges, std::uint64_t bufferSize, const std::string& subject) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
  std::uint64_t covered = 0;
  for (const Range& range : ranges) {
    if (range.begin < covered) refuse(subject, "has tensors that overlap at " + *range.name, damagedAdvice);
    if (range.begin > covered) refuse(subject, "has a hole before tensor " + *range.name, damagedAdvice);
    covered = range.end;
  }
  if (covered != bufferSize) refuse(subject, "has bytes after its last tensor", damagedAdvice);
}

}  // namespace

Contents readSafetensors(const std::filesystem::path& path, const std::shared_ptr<const Blob>& blob) {
  const std::string subject = path.string();
  if (blob->size() < 10) refuse(subject, "is too short to be a safetensors file", damagedAdvice);
  std::array<std::byte, 8> lengthBytes{};
  blob->read(0, lengthBytes);
  std::uint64_t length = 0;
  std::memcpy(&length, lengthBytes.data(), sizeof length);
  if (length > largestHeader || length > blob->size() - 8) {
    refuse(subject, "announces a header of " + std::to_string(length) + " bytes, more than it holds", damagedAdvice);
  }
  std::vector<std::byte> text(static_cast<std::size_t>(length));
  blob->read(8, text);
  const nlohmann::json header = parseStrictJson(text, subject + ", header", jsonBudget(blob->size()));
  if (!header.is_object()) refuse(subject, "has a header that is no JSON object", damagedAdvice);

  Contents contents;
  contents.path = path;
  contents.parts = {path};
  contents.formatName = "safetensors";
  HeaderReader reader(path, blob, 8 + length);
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      contents.metadata = entry.is_object() ? entry : nlohmann::json::object();
    } else {
      contents.tensors.push_back(reader.tensor(name, entry));
    }
  }
  std::vector<Range> ranges;
  for (const StoredTensor& tensor : contents.tensors) {
    const std::uint64_t begin = tensor.byteOffset - 8 - length;
    const std::uint64_t bits = tensor.info.elementCount * kinds().find(tensor.info.typeName)->second.bits;
    ranges.push_back({begin, begin + (bits + 7) / 8, &tensor.info.name});
  }
  checkCoverage(std::move(ranges), blob->size() - 8 - length, subject);
  return contents;
}

}  // namespace analysis
