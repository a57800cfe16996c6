#include "analysis/tensors/torchwriter.h"

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "analysis/tensors/storedtensors.h"

namespace analysis {
namespace {

static_assert(std::endian::native == std::endian::little, "zip, pickle and byteorder say little-endian");

template <typename Number>
std::string little(Number value) {
  const auto bytes = std::bit_cast<std::array<char, sizeof(Number)>>(value);
  return {bytes.data(), bytes.size()};
}

// CRC-32 of zip (polynomial 0xedb88320), a byte at a time.
std::uint32_t crc32(std::span<const std::byte> bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t n = 0; n < 256; ++n) {
      std::uint32_t crc = n;
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0u);
      made[n] = crc;
    }
    return made;
  }();
  std::uint32_t crc = ~0u;
  for (const std::byte byte : bytes) crc = (crc >> 8) ^ table[(crc ^ std::to_integer<std::uint32_t>(byte)) & 255];
  return ~crc;
}

// Stored members, dated 1980-01-01; values start at multiples of 64 bytes, as PyTorch maps them.
class ZipWriter {
 public:
  explicit ZipWriter(std::ostream& stream) : out(stream) {}

  void add(const std::string& name, std::span<const std::byte> content) {
    constexpr std::uint64_t largest = 0xffff0000;  // beyond it sizes and offsets need Zip64
    if (at + content.size() > largest) throw std::length_error("a torch file of more than 4 GB");
    const std::uint32_t crc = crc32(content);
    const std::string common = little<std::uint16_t>(0) + little<std::uint16_t>(0) + little<std::uint16_t>(0) +
                               little<std::uint16_t>(0x21) + little(crc) + little(std::uint32_t(content.size())) +
                               little(std::uint32_t(content.size())) + little(std::uint16_t(name.size()));
    constexpr std::uint64_t fixedBytes = 30, fieldBytes = 4;
    const std::uint64_t start = at + fixedBytes + name.size() + fieldBytes;
    const std::uint64_t padding = (64 - start % 64) % 64;
    const std::uint64_t offset = at;
    put("PK\3\4" + little<std::uint16_t>(20) + common + little(std::uint16_t(fieldBytes + padding)) + name + "FB" +
        little(std::uint16_t(padding)) + std::string(padding, 'Z'));
    out.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
    at += content.size();
    directory += "PK\1\2" + little<std::uint16_t>(20) + little<std::uint16_t>(20) + common + little<std::uint16_t>(0) +
                 little<std::uint16_t>(0) + little<std::uint16_t>(0) + little<std::uint16_t>(0) +
                 little<std::uint32_t>(0) + little(std::uint32_t(offset)) + name;
    ++members;
  }
  void add(const std::string& name, std::string_view content) {
    add(name, std::as_bytes(std::span(content.data(), content.size())));
  }

  void finish() {
    const std::uint64_t start = at;
    put(directory);
    put("PK\5\6" + little<std::uint32_t>(0) + little(members) + little(members) +
        little(std::uint32_t(directory.size())) + little(std::uint32_t(start)) + little<std::uint16_t>(0));
  }

 private:
  void put(const std::string& text) {
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    at += text.size();
  }

  std::ostream& out;
  std::uint64_t at = 0;
  std::string directory;
  std::uint16_t members = 0;
};

// Pieces of a protocol 2 pickle.
std::string text(const std::string& words) {
  return "X" + little(std::uint32_t(words.size())) + words;
}
std::string integer(std::int64_t value) {
  if (std::in_range<std::int32_t>(value)) return "J" + little(std::int32_t(value));
  return "\x8a\x08" + little(value);
}
std::string integers(const std::vector<std::int64_t>& values) {
  std::string all = "(";
  for (const std::int64_t value : values) all += integer(value);
  return all + "t";
}

const char* storageName(DataType type) {
  switch (type) {
    case DataType::f64:
      return "DoubleStorage";
    case DataType::f32:
      return "FloatStorage";
    case DataType::f16:
      return "HalfStorage";
    case DataType::bf16:
      return "BFloat16Storage";
    case DataType::i64:
      return "LongStorage";
    case DataType::i32:
      return "IntStorage";
    case DataType::i16:
      return "ShortStorage";
    case DataType::i8:
      return "CharStorage";
    case DataType::u8:
      return "ByteStorage";
    case DataType::boolean:
      return "BoolStorage";
    case DataType::c64:
      return "ComplexFloatStorage";
    case DataType::c128:
      return "ComplexDoubleStorage";
    default:
      throw std::invalid_argument("PyTorch has no storage of this type");
  }
}

std::string pickled(const TorchTensor& tensor, std::size_t key) {
  const auto count = static_cast<std::int64_t>(tensor.bytes.size() / byteSize(tensor.type));
  const std::string storage = "(" + text("storage") + "ctorch\n" + storageName(tensor.type) + "\n" +
                              text(std::to_string(key)) + text("cpu") + integer(count) + "tQ";
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + integer(0) + integers(tensor.shape) +
         integers(rowMajorStrides(tensor.shape)) + "\x89" + "ccollections\nOrderedDict\n)RtR";
}

void writeArchive(std::ostream& out, const std::string& stem, const std::string& value,
                  std::span<const TorchTensor> tensors) {
  ZipWriter zip(out);
  zip.add(stem + "/data.pkl", "\x80\x02" + value + ".");
  zip.add(stem + "/byteorder", "little");
  for (std::size_t i = 0; i < tensors.size(); ++i) zip.add(stem + "/data/" + std::to_string(i), tensors[i].bytes);
  zip.add(stem + "/version", "3\n");
  zip.finish();
}

}  // namespace

void writeTorchTensor(std::ostream& out, const std::string& stem, const TorchTensor& tensor) {
  writeArchive(out, stem, pickled(tensor, 0), std::span(&tensor, 1));
}

void writeTorchTensors(std::ostream& out, const std::string& stem, const std::vector<TorchTensor>& tensors,
                       const std::map<std::string, std::string>& texts) {
  std::string value = "}(";
  for (const auto& [key, words] : texts) value += text(key) + text(words);
  value += text("state_dict") + "}(";
  for (std::size_t i = 0; i < tensors.size(); ++i) value += text(tensors[i].name) + pickled(tensors[i], i);
  writeArchive(out, stem, value + "uu", tensors);
}

}  // namespace analysis
