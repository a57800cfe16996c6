// Writers of tiny files for the tests, independent of the readers: safetensors, zip, pickle. They also write files that
// are wrong on purpose. Bytes only: tensorwriters.h puts them on disk.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace writers {

template <typename Number>
std::string bytesOf(const std::vector<Number>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number)};
}

template <typename Number>
std::string little(Number value) {
  return bytesOf(std::vector<Number>{value});
}

struct Tensor {
  std::string name;
  std::string type;  // as safetensors spells it
  std::vector<std::int64_t> shape;
  std::string bytes;
};

inline Tensor floats(const std::string& name, const std::vector<std::int64_t>& shape,
                     const std::vector<float>& values) {
  return {name, "F32", shape, bytesOf(values)};
}

inline std::string safetensorsWithHeader(const std::string& header, const std::string& buffer) {
  return little<std::uint64_t>(header.size()) + header + buffer;
}

inline std::string safetensors(const std::vector<Tensor>& tensors, const nlohmann::json& metadata = {}) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.is_null()) header["__metadata__"] = metadata;
  std::string buffer;
  for (const Tensor& tensor : tensors) {
    header[tensor.name] = {{"dtype", tensor.type},
                           {"shape", tensor.shape},
                           {"data_offsets", {buffer.size(), buffer.size() + tensor.bytes.size()}}};
    buffer += tensor.bytes;
  }
  return safetensorsWithHeader(header.dump(), buffer);
}

// CRC-32 of zip files, bit by bit.
inline std::uint32_t crc32(const std::string& bytes) {
  std::uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0u);
  }
  return ~crc;
}

// Deflate's own form of "not compressed": blocks of up to 65535 bytes.
inline std::string deflated(const std::string& bytes) {
  std::string out;
  std::size_t at = 0;
  do {
    const std::size_t count = std::min<std::size_t>(bytes.size() - at, 65535);
    out += char(at + count == bytes.size());
    out += little<std::uint16_t>(std::uint16_t(count)) + little<std::uint16_t>(std::uint16_t(~count));
    out += bytes.substr(at, count);
    at += count;
  } while (at < bytes.size());
  return out;
}

struct ZipOptions {
  bool deflate = false;
  bool zip64 = false;           // sizes and offsets in Zip64 fields, though small
  std::int64_t falseSize = -1;  // claimed for every member
};

using Members = std::vector<std::pair<std::string, std::string>>;

// As PyTorch writes them: sizes in the local headers are zero (flag bit 3), those of the central directory count.
inline std::string zip(const Members& members, const ZipOptions& options = {}) {
  std::string out, directory;
  for (const auto& [name, content] : members) {
    const std::string packed = options.deflate ? deflated(content) : content;
    const auto method = std::uint16_t(options.deflate ? 8 : 0);
    const std::uint64_t offset = out.size();
    const std::uint64_t size = options.falseSize >= 0 ? std::uint64_t(options.falseSize) : content.size();
    const std::uint64_t packedSize = options.falseSize >= 0 && !options.deflate ? size : packed.size();
    std::string extra;
    if (options.zip64) {
      extra = little<std::uint16_t>(1) + little<std::uint16_t>(24) + little(size) + little(packedSize) + little(offset);
    }
    const auto small = [&](std::uint64_t n) { return little<std::uint32_t>(options.zip64 ? ~0u : std::uint32_t(n)); };
    const std::string common = little<std::uint16_t>(0x0808) + little(method) + little<std::uint32_t>(0x00210000);
    out += "PK\3\4" + little<std::uint16_t>(45) + common + little<std::uint32_t>(0) + little<std::uint32_t>(0) +
           little<std::uint32_t>(0) + little(std::uint16_t(name.size())) + little<std::uint16_t>(0) + name + packed;
    directory += "PK\1\2" + little<std::uint16_t>(45) + little<std::uint16_t>(45) + common + little(crc32(content)) +
                 small(packedSize) + small(size) + little(std::uint16_t(name.size())) +
                 little(std::uint16_t(extra.size())) + little<std::uint16_t>(0) + little<std::uint16_t>(0) +
                 little<std::uint16_t>(0) + little<std::uint32_t>(0) + small(offset) + name + extra;
  }
  const std::uint64_t start = out.size(), count = members.size();
  out += directory;
  if (options.zip64) {
    const std::uint64_t at = out.size();
    out += "PK\6\6" + little<std::uint64_t>(44) + little<std::uint16_t>(45) + little<std::uint16_t>(45) +
           little<std::uint32_t>(0) + little<std::uint32_t>(0) + little(count) + little(count) +
           little<std::uint64_t>(directory.size()) + little(start);
    out += "PK\6\7" + little<std::uint32_t>(0) + little(at) + little<std::uint32_t>(1);
  }
  const auto few = std::uint16_t(options.zip64 ? 0xffff : count);
  out += "PK\5\6" + little<std::uint16_t>(0) + little<std::uint16_t>(0) + little(few) + little(few) +
         little(std::uint32_t(options.zip64 ? ~0u : std::uint32_t(directory.size()))) +
         little(std::uint32_t(options.zip64 ? ~0u : std::uint32_t(start))) + little<std::uint16_t>(0);
  return out;
}

// Opcodes of protocol 2, as text pieces to be put together.
namespace pickle {

inline std::string text(const std::string& s) {
  return "X" + little(std::uint32_t(s.size())) + s;
}
inline std::string integer(std::int64_t n) {
  if (n >= INT32_MIN && n <= INT32_MAX) return "J" + little(std::int32_t(n));
  return "\x8a\x08" + little(n);
}
inline std::string real(double value) {
  std::string bytes = little(value);
  return "G" + std::string(bytes.rbegin(), bytes.rend());
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string tuple(const std::vector<std::string>& items) {
  std::string all = "(";
  for (const std::string& item : items) all += item;
  return all + "t";
}
inline std::string integers(const std::vector<std::int64_t>& values) {
  std::vector<std::string> items;
  for (const std::int64_t value : values) items.push_back(integer(value));
  return tuple(items);
}
inline std::string call(const std::string& module, const std::string& name, const std::string& arguments) {
  return global(module, name) + arguments + "R";
}
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string all = "}(";
  for (const auto& [key, value] : entries) all += text(key) + value;
  return all + "u";
}
inline std::string storage(const std::string& type, const std::string& key, std::int64_t count) {
  return tuple({text("storage"), global("torch", type), text(key), text("cpu"), integer(count)}) + "Q";
}
inline std::string tensor(const std::string& storageText, std::int64_t offset, const std::vector<std::int64_t>& shape,
                          const std::vector<std::int64_t>& strides) {
  return call("torch._utils", "_rebuild_tensor_v2",
              tuple({storageText, integer(offset), integers(shape), integers(strides), "\x89",
                     call("collections", "OrderedDict", ")")}));
}
inline std::string stream(const std::string& value) {
  return "\x80\x02" + value + ".";
}

}  // namespace pickle

inline std::vector<std::int64_t> rowMajor(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

// A PyTorch file around a finished pickle.
inline std::string torchZip(const std::string& pickled, const std::vector<std::string>& storages,
                            const ZipOptions& options = {}, const std::string& byteOrder = "little") {
  Members members{{"archive/data.pkl", pickled}, {"archive/byteorder", byteOrder}, {"archive/version", "3\n"}};
  for (std::size_t i = 0; i < storages.size(); ++i)
    members.emplace_back("archive/data/" + std::to_string(i), storages[i]);
  return zip(members, options);
}

// float32 tensors as a flat dictionary, or below state_dict with further entries beside it.
inline std::string torchFile(const std::vector<Tensor>& tensors, const std::string& besideStateDict = {},
                             const ZipOptions& options = {}) {
  std::vector<std::pair<std::string, std::string>> entries;
  std::vector<std::string> storages;
  for (const Tensor& each : tensors) {
    const auto count = std::int64_t(each.bytes.size() / 4);
    const std::string store = pickle::storage("FloatStorage", std::to_string(storages.size()), count);
    entries.emplace_back(each.name, pickle::tensor(store, 0, each.shape, rowMajor(each.shape)));
    storages.push_back(each.bytes);
  }
  std::string top = pickle::dict(entries);
  if (!besideStateDict.empty()) top = "}(" + pickle::text("state_dict") + top + besideStateDict + "u";
  return torchZip(pickle::stream(top), storages, options);
}

}  // namespace writers
