// NumPy arrays: .npy (magic, version, a header that is a Python dictionary, values) and .npz (a zip of them).
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "analysis/tensors/elements.h"
#include "analysis/tensors/storedtensors.h"
#include "analysis/tensors/ziparchive.h"

namespace analysis {
namespace {

constexpr std::uint64_t largestHeader = 1 << 16;

struct Header {
  std::string type;
  bool fortran = false;
  std::vector<std::int64_t> shape;
};

// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }: the only form NumPy writes for plain arrays.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view header) : text(header) {}

  std::optional<Header> parse() {
    Header header;
    int seen = 0;
    if (!take('{')) return std::nullopt;
    while (!take('}')) {
      const auto key = quoted();
      if (!key || !take(':')) return std::nullopt;
      bool good = false;
      if (*key == "descr") good = word(header.type);
      if (*key == "fortran_order") good = boolean(header.fortran);
      if (*key == "shape") good = tuple(header.shape);
      if (!good) return std::nullopt;
      ++seen;
      take(',');
    }
    return seen == 3 ? std::optional(header) : std::nullopt;
  }

 private:
  void skipBlanks() {
    const std::size_t next = text.find_first_not_of(" \n");
    text.remove_prefix(next == std::string_view::npos ? text.size() : next);
  }
  bool take(char letter) {
    skipBlanks();
    if (text.empty() || text.front() != letter) return false;
    text.remove_prefix(1);
    return true;
  }
  std::optional<std::string> quoted() {
    if (!take('\'')) return std::nullopt;
    const std::size_t end = text.find('\'');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string inside(text.substr(0, end));
    text.remove_prefix(end + 1);
    return inside;
  }
  bool word(std::string& out) {
    const auto inside = quoted();
    if (inside) out = *inside;
    return inside.has_value();
  }
  bool boolean(bool& out) {
    skipBlanks();
    out = text.starts_with("True");
    if (!out && !text.starts_with("False")) return false;
    text.remove_prefix(out ? 4 : 5);
    return true;
  }
  bool tuple(std::vector<std::int64_t>& out) {
    if (!take('(')) return false;
    while (!take(')')) {
      std::int64_t value = 0;
      skipBlanks();
      std::size_t digits = 0;
      for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
        if (digits >= 18) return false;
        value = 10 * value + (text[digits] - '0');
      }
      if (digits == 0) return false;
      text.remove_prefix(digits);
      out.push_back(value);
      take(',');
    }
    return true;
  }

  std::string_view text;
};

DataType typeOf(std::string_view code) {
  static constexpr std::array<std::pair<std::string_view, DataType>, 14> table{{{"f8", DataType::f64},
                                                                                {"f4", DataType::f32},
                                                                                {"f2", DataType::f16},
                                                                                {"i8", DataType::i64},
                                                                                {"i4", DataType::i32},
                                                                                {"i2", DataType::i16},
                                                                                {"i1", DataType::i8},
                                                                                {"u8", DataType::u64},
                                                                                {"u4", DataType::u32},
                                                                                {"u2", DataType::u16},
                                                                                {"u1", DataType::u8},
                                                                                {"b1", DataType::boolean},
                                                                                {"c8", DataType::c64},
                                                                                {"c16", DataType::c128}}};
  const auto* known = std::find_if(table.begin(), table.end(), [&](const auto& row) { return row.first == code; });
  return known == table.end() ? DataType::unsupported : known->second;
}

StoredTensor readArray(const std::string& name, const std::string& fileName, std::shared_ptr<const Blob> blob,
                       const std::string& subject) {
  std::array<std::byte, 12> head{};
  if (blob->size() < head.size()) refuse(subject, "is too short to be a NumPy array", damagedAdvice);
  blob->read(0, head);
  if (std::memcmp(head.data(), "\x93NUMPY", 6) != 0)
    refuse(subject, "does not begin like a NumPy array", damagedAdvice);
  const auto version = std::to_integer<int>(head[6]);
  if (version < 1 || version > 3) refuse(subject, "has an unknown version of the NumPy format", "save it again");
  const std::size_t lengthBytes = version == 1 ? 2 : 4;
  std::uint64_t length = 0;
  std::memcpy(&length, head.data() + 8, lengthBytes);
  const std::uint64_t start = 8 + lengthBytes + length;
  if (length > largestHeader || start > blob->size()) {
    refuse(subject, "announces a header longer than the file", damagedAdvice);
  }
  std::vector<std::byte> text(static_cast<std::size_t>(length));
  blob->read(8 + lengthBytes, text);
  const auto header = HeaderParser({reinterpret_cast<const char*>(text.data()), text.size()}).parse();
  if (!header) refuse(subject, "is no plain NumPy array (structured or damaged)", "save it as a float32 array");

  StoredTensor stored;
  const std::string code = header->type.empty() ? "" : header->type.substr(1);
  stored.info = {name, typeOf(code), header->type, header->shape, 0, fileName};
  if (stored.info.type == DataType::unsupported) {
    refuse(subject, "has the NumPy type " + header->type + ", which is not supported", "save it as float32");
  }
  stored.bigEndian = header->type.front() == '>';
  const auto count = elementCount(header->shape);
  if (!count || *count > (blob->size() - start) / byteSize(stored.info.type)) {
    refuse(subject, "has a shape that needs more values than it holds", damagedAdvice);
  }
  stored.info.elementCount = *count;
  stored.blob = std::move(blob);
  stored.byteOffset = start;
  if (header->fortran && *count > 0 && header->shape.size() > 1) {
    std::int64_t stride = 1;
    for (const std::int64_t size : header->shape) {
      stored.strides.push_back(stride);
      stride *= size;
    }
  }
  return stored;
}

}  // namespace

Contents readNpy(const std::filesystem::path& path, std::shared_ptr<const Blob> blob) {
  Contents contents;
  contents.path = path;
  contents.parts = {path};
  contents.formatName = "NumPy array";
  contents.tensors.push_back(readArray(path.stem().string(), path.filename().string(), std::move(blob), path.string()));
  return contents;
}

Contents readNpz(const std::filesystem::path& path, const std::shared_ptr<ZipArchive>& archive) {
  Contents contents;
  contents.path = path;
  contents.parts = {path};
  contents.formatName = "NumPy archive";
  for (std::size_t i = 0; i < archive->members().size(); ++i) {
    const std::string& member = archive->members()[i].name;
    if (!member.ends_with(".npy")) continue;
    contents.tensors.push_back(readArray(member.substr(0, member.size() - 4), path.filename().string(),
                                         archive->member(i), path.string() + ", " + member));
  }
  return contents;
}

}  // namespace analysis
