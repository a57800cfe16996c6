#include "analysis/tensors/storedtensors.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "analysis/tensors/elements.h"
#include "analysis/tensors/strictjson.h"

namespace analysis {
namespace {

constexpr std::size_t chunkElements = 1 << 16;

class StoredTensorFile final : public TensorFile {
 public:
  explicit StoredTensorFile(Contents given) : contents(std::move(given)) {
    std::sort(contents.tensors.begin(), contents.tensors.end(),
              [](const StoredTensor& a, const StoredTensor& b) { return a.info.name < b.info.name; });
    std::sort(contents.parts.begin(), contents.parts.end());
    using Place = std::tuple<const Blob*, std::uint64_t, std::uint64_t, std::vector<std::int64_t>,
                             std::vector<std::int64_t>, DataType, bool, bool>;
    std::map<Place, std::uint64_t> places;
    for (StoredTensor& tensor : contents.tensors) {
      if (!isUtf8(tensor.info.name))
        refuse(contents.path.string(), "has a tensor whose name is no text", damagedAdvice);
      if (!infos.empty() && infos.back().name == tensor.info.name) {
        refuse(contents.path.string(), "holds two tensors named " + tensor.info.name, "keep one of them");
      }
      const Place place{tensor.blob.get(), tensor.byteOffset, tensor.firstElement, tensor.info.shape,
                        tensor.strides,    tensor.info.type,  tensor.negated,      tensor.conjugated};
      tensor.info.storage = places.emplace(place, places.size()).first->second;
      infos.push_back(tensor.info);
    }
    for (const std::filesystem::path& part : contents.parts) marks.emplace_back(part, fileMark(part));
  }

  const std::filesystem::path& path() const override { return contents.path; }
  const std::vector<std::filesystem::path>& parts() const override { return contents.parts; }
  std::string formatName() const override { return contents.formatName; }
  const std::vector<TensorInfo>& tensors() const override { return infos; }
  const nlohmann::json& metadata() const override { return contents.metadata; }
  const std::vector<std::string>& remarks() const override { return contents.remarks; }

  void read(const TensorInfo& info, std::uint64_t first, std::span<double> out) const override {
    readAs(info, first, out);
  }
  void read(const TensorInfo& info, std::uint64_t first, std::span<float> out) const override {
    readAs(info, first, out);
  }
  void read(const TensorInfo& info, std::uint64_t first, std::span<std::complex<double>> out) const override {
    readAs(info, first, out);
    if (stored(info).conjugated) {
      for (std::complex<double>& value : out) value = std::conj(value);
    }
  }
  std::optional<std::filesystem::path> changedPart() const override {
    for (const auto& [part, mark] : marks) {
      if (fileMark(part) != mark) return part;
    }
    return std::nullopt;
  }

 private:
  const StoredTensor& stored(const TensorInfo& info) const {
    const TensorInfo* known = find(info.name);
    if (known == nullptr) refuse(contents.path.string(), "has no tensor " + info.name, "check the name");
    return contents.tensors[static_cast<std::size_t>(known - infos.data())];
  }

  template <typename Real>
  void readAs(const TensorInfo& info, std::uint64_t first, std::span<Real> out) const {
    const StoredTensor& tensor = stored(info);
    const std::string subject = tensor.info.file + ", tensor " + info.name;
    if (first > tensor.info.elementCount || out.size() > tensor.info.elementCount - first) {
      refuse(subject, "was asked for elements beyond its end", "ask for fewer");
    }
    if (tensor.info.type == DataType::unsupported) {
      refuse(subject, "has the type " + tensor.info.typeName + ", whose values cannot be read",
             "convert it to float32 or bfloat16");
    }
    const bool real =
        tensor.strides.empty() ? readRun(tensor, tensor.firstElement + first, out) : readStrided(tensor, first, out);
    if (!real) refuse(subject, "is complex", "only real values can be used here");
    if (tensor.negated) {
      for (Real& value : out) value = -value;
    }
  }

  // Elements that follow each other in the blob.
  template <typename Real>
  static bool readRun(const StoredTensor& tensor, std::uint64_t element, std::span<Real> out) {
    const std::size_t size = byteSize(tensor.info.type);
    std::vector<std::byte> bytes(std::min(out.size(), chunkElements) * size);
    bool real = true;
    while (!out.empty()) {
      const std::size_t count = std::min(out.size(), chunkElements);
      const auto chunk = std::span(bytes).first(count * size);
      tensor.blob->read(tensor.byteOffset + element * size, chunk);
      real = widen(std::span<const std::byte>(chunk), tensor.info.type, tensor.bigEndian, out.first(count)) && real;
      element += count;
      out = out.subspan(count);
    }
    return real;
  }

  // Reads the part of the blob that the asked elements span (at most the storage, whose size the reader checked)
  // once, then picks: few large reads beat one small read per element.
  template <typename Real>
  static bool readStrided(const StoredTensor& tensor, std::uint64_t first, std::span<Real> out) {
    if (out.empty()) return true;
    const std::vector<std::int64_t>& shape = tensor.info.shape;
    std::vector<std::uint64_t> index(shape.size());
    std::uint64_t rest = first;
    for (std::size_t d = shape.size(); d-- > 0;) {
      index[d] = rest % static_cast<std::uint64_t>(shape[d]);
      rest /= static_cast<std::uint64_t>(shape[d]);
    }
    std::vector<std::uint64_t> places(out.size());
    for (std::uint64_t& place : places) {
      place = tensor.firstElement;
      for (std::size_t d = 0; d < shape.size(); ++d) place += index[d] * static_cast<std::uint64_t>(tensor.strides[d]);
      for (std::size_t d = shape.size(); d-- > 0;) {
        if (++index[d] < static_cast<std::uint64_t>(shape[d])) break;
        index[d] = 0;
      }
    }
    const auto [low, high] = std::minmax_element(places.begin(), places.end());
    std::vector<Real> span(static_cast<std::size_t>(*high - *low + 1));
    const std::uint64_t base = *low;
    const bool real = readRun(tensor, base, std::span(span));
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = span[static_cast<std::size_t>(places[i] - base)];
    return real;
  }

  Contents contents;
  std::vector<TensorInfo> infos;
  std::vector<std::pair<std::filesystem::path, std::optional<FileMark>>> marks;
};

template <typename Real>
std::vector<Real> whole(const TensorFile& file, std::string_view name) {
  const TensorInfo* info = file.find(name);
  if (info == nullptr) refuse(file.path().string(), "has no tensor " + std::string(name), "check the name");
  // An empty read refuses what cannot be read at all, before memory is taken for it.
  file.read(*info, 0, std::span<Real>());
  std::vector<Real> values(static_cast<std::size_t>(info->elementCount));
  file.read(*info, 0, std::span(values));
  return values;
}

}  // namespace

const TensorInfo* TensorFile::find(std::string_view name) const {
  const std::vector<TensorInfo>& all = tensors();
  const auto at = std::lower_bound(all.begin(), all.end(), name,
                                   [](const TensorInfo& info, std::string_view sought) { return info.name < sought; });
  return at != all.end() && at->name == name ? &*at : nullptr;
}

std::vector<double> TensorFile::doubles(std::string_view name) const {
  return whole<double>(*this, name);
}
std::vector<std::complex<double>> TensorFile::complexes(std::string_view name) const {
  return whole<std::complex<double>>(*this, name);
}
std::vector<float> TensorFile::floats(std::string_view name) const {
  return whole<float>(*this, name);
}

std::shared_ptr<const TensorFile> makeTensorFile(Contents contents) {
  return std::make_shared<StoredTensorFile>(std::move(contents));
}

std::vector<std::int64_t> rowMajorStrides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * std::max<std::int64_t>(shape[d], 1);
  return strides;
}

}  // namespace analysis
