// HDF5 files: every real dataset is a tensor named by its path; attributes of the root and of groups go to the
// metadata. Links into other files are not followed.
#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "analysis/tensors/elements.h"
#include "analysis/tensors/hdf5lock.h"
#include "analysis/tensors/isolated.h"
#include "analysis/tensors/storedtensors.h"
#include "analysis/tensors/strictjson.h"

namespace analysis {
namespace {

// Closes an identifier by its kind.
class Handle {
 public:
  explicit Handle(hid_t opened) : id(opened) {}
  Handle(Handle&& other) noexcept : id(std::exchange(other.id, H5I_INVALID_HID)) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (id >= 0) H5Idec_ref(id);
  }
  bool valid() const { return id >= 0; }
  operator hid_t() const { return id; }

 private:
  hid_t id;
};

nlohmann::json attributeValue(hid_t object, const char* name) {
  const Handle attribute(H5Aopen(object, name, H5P_DEFAULT));
  const Handle type(H5Aget_type(attribute)), space(H5Aget_space(attribute));
  if (H5Sget_simple_extent_npoints(space) != 1) return nullptr;
  switch (H5Tget_class(type)) {
    case H5T_INTEGER: {
      long long value = 0;
      return H5Aread(attribute, H5T_NATIVE_LLONG, &value) < 0 ? nlohmann::json() : nlohmann::json(value);
    }
    case H5T_FLOAT: {
      double value = 0;
      return H5Aread(attribute, H5T_NATIVE_DOUBLE, &value) < 0 ? nlohmann::json() : nlohmann::json(value);
    }
    case H5T_STRING: {
      if (H5Tis_variable_str(type) > 0) {
        char* text = nullptr;
        if (H5Aread(attribute, type, &text) < 0 || text == nullptr) return nullptr;
        const std::string copy(text);
        H5free_memory(text);
        return copy;
      }
      const std::size_t length = H5Tget_size(type);
      if (length > (1 << 20)) return nullptr;
      std::string text(length, '\0');
      if (H5Aread(attribute, type, text.data()) < 0) return nullptr;
      return text.substr(0, text.find('\0'));
    }
    default:
      return nullptr;
  }
}

nlohmann::json attributesOf(hid_t object) {
  nlohmann::json all = nlohmann::json::object();
  const auto take = [](hid_t at, const char* name, const H5A_info_t*, void* into) -> herr_t {
    nlohmann::json value = attributeValue(at, name);
    const bool text = value.is_string() && !isUtf8(value.get_ref<const std::string&>());
    if (!value.is_null() && !text && isUtf8(name)) (*static_cast<nlohmann::json*>(into))[name] = std::move(value);
    return 0;
  };
  H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, take, &all);
  return all;
}

struct Visit {
  std::vector<std::string> groups, datasets;
};

// Hard links only: soft and external links may lead out of the file.
Visit visit(hid_t file) {
  Visit found;
  const auto note = [](hid_t, const char* name, const H5O_info_t* info, void* into) -> herr_t {
    constexpr std::size_t most = 100'000;
    auto& visit = *static_cast<Visit*>(into);
    if (visit.groups.size() + visit.datasets.size() > most) return 1;
    if (info->type == H5O_TYPE_DATASET) visit.datasets.emplace_back(name);
    if (info->type == H5O_TYPE_GROUP && isUtf8(name)) visit.groups.emplace_back(name);
    return 0;
  };
  H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, note, &found, H5O_INFO_BASIC);
  return found;
}

// What the copy tells of the file, as JSON text: names, shapes and storage of the datasets, and the attributes.
class Lister {
 public:
  explicit Lister(hid_t opened) : file(opened) {}

  std::string list() {
    const Visit found = visit(file);
    for (const std::string& name : found.groups) {
      const Handle group(H5Oopen(file, name.c_str(), H5P_DEFAULT));
      nlohmann::json attributes = attributesOf(group);
      if (attributes.empty()) continue;
      if (name == ".") {
        metadata.update(attributes);
      } else {
        groups[name] = std::move(attributes);
      }
    }
    for (const std::string& name : found.datasets) add(name);
    if (!groups.empty()) metadata["groups"] = std::move(groups);  // in place of an attribute that has this name
    return nlohmann::json{{"metadata", metadata}, {"datasets", datasets}, {"remarks", remarks}}.dump();
  }

 private:
  void add(const std::string& name) {
    if (!isUtf8(name)) return remarks.push_back("a dataset whose name is no text was skipped");
    const Handle set(H5Dopen2(file, name.c_str(), H5P_DEFAULT));
    if (!set.valid()) return skip(name, "cannot be opened");
    const Handle type(H5Dget_type(set)), space(H5Dget_space(set)), creation(H5Dget_create_plist(set));
    const H5T_class_t kind = H5Tget_class(type);
    if (kind != H5T_FLOAT && kind != H5T_INTEGER) return skip(name, "holds no numbers");
    if (H5Pget_layout(creation) == H5D_VIRTUAL || H5Pget_external_count(creation) > 0) {
      return skip(name, "keeps its values in another file");
    }
    std::vector<hsize_t> sizes(static_cast<std::size_t>(std::max(H5Sget_simple_extent_ndims(space), 0)));
    if (!sizes.empty()) H5Sget_simple_extent_dims(space, sizes.data(), nullptr);
    datasets.push_back({{"name", name},
                        {"type", kind == H5T_FLOAT ? "float" : "integer"},
                        {"valueBytes", H5Tget_size(type)},
                        {"storedBytes", H5Dget_storage_size(set)},
                        {"shape", sizes}});
  }

  void skip(const std::string& name, const std::string& why) {
    remarks.push_back("dataset " + name + " " + why + ": skipped");
  }

  hid_t file;
  nlohmann::json metadata = nlohmann::json::object(), groups = metadata, datasets = nlohmann::json::array();
  std::vector<std::string> remarks;
};

// Writes `count` values from number `first` on, row by row, in pieces.
bool sendValues(hid_t file, const std::string& name, const std::vector<std::uint64_t>& sizes, std::uint64_t first,
                std::uint64_t count, const Outlet& write) {
  constexpr std::uint64_t most = 1 << 20;
  constexpr std::size_t cacheSlots = 521, cacheBytes = 64 << 20;  // a chunk larger than the cache is unpacked again and again
  const Handle access(H5Pcreate(H5P_DATASET_ACCESS));
  H5Pset_chunk_cache(access, cacheSlots, cacheBytes, 1);
  const Handle set(H5Dopen2(file, name.c_str(), access));
  if (!set.valid()) return false;
  const Handle from(H5Dget_space(set));
  std::vector<std::uint64_t> stride(sizes.size(), 1);
  for (std::size_t d = sizes.size(); d-- > 1;) stride[d - 1] = stride[d] * sizes[d];
  std::vector<double> values;
  while (count > 0) {
    std::uint64_t taken = 1;
    if (!sizes.empty()) {
      // A run along the first axis whose slices begin here and are small enough, all of the axes behind it.
      std::size_t along = 0;
      while (first % stride[along] != 0 || stride[along] > std::min(count, most)) {
        if (++along == sizes.size()) return false;
      }
      std::vector<hsize_t> start(sizes.size(), 0), extent(sizes.begin(), sizes.end());
      for (std::size_t d = 0; d <= along; ++d) {
        start[d] = first / stride[d] % sizes[d];
        extent[d] = 1;
      }
      extent[along] = std::min<std::uint64_t>({sizes[along] - start[along], count / stride[along], most / stride[along]});
      taken = extent[along] * stride[along];
      if (H5Sselect_hyperslab(from, H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr) < 0) return false;
    }
    values.resize(static_cast<std::size_t>(taken));
    const hsize_t total = taken;
    const Handle to(H5Screate_simple(1, &total, nullptr));
    if (H5Dread(set, H5T_NATIVE_DOUBLE, to, from, H5P_DEFAULT, values.data()) < 0) return false;
    write(std::as_bytes(std::span(values)));
    first += taken;
    count -= taken;
  }
  return true;
}

// The open file, for as long as somebody reads from it, whatever happens to its name.
class OpenFile {
 public:
  explicit OpenFile(const std::filesystem::path& path)
      : subject(path.string()), descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)) {
    std::error_code failed;
    bytes = std::filesystem::file_size(path, failed);
    if (descriptor < 0 || failed) refuse(subject, "cannot be opened", "look at its permissions");
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() { ::close(descriptor); }

  std::uint64_t size() const { return bytes; }
  const std::string& name() const { return subject; }

  // The library believes what it reads and can be crashed by it: it works in a process of its own.
  bool inCopy(std::chrono::milliseconds longestWork, const std::function<bool(hid_t file, const Outlet&)>& work,
              const std::function<void(std::span<const std::byte>)>& take) const {
    constexpr std::uint64_t room = std::uint64_t(256) << 20;
    const std::lock_guard lock(hdf5Lock());
    return isolated(
        {.subject = subject, .memoryBytes = 2 * bytes + room, .longestWork = longestWork, .library = "libhdf5"},
        [&](const Outlet& write) {
          H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // failures come back as values; nothing is printed
          const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
          const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
          return file >= 0 && work(file, write);
        },
        take);
  }

 private:
  std::string subject;
  int descriptor;
  std::uint64_t bytes = 0;
};

// A dataset as the run of doubles that reading it row by row gives.
class DatasetBlob final : public Blob {
 public:
  DatasetBlob(std::shared_ptr<const OpenFile> owner, std::string name, const std::vector<std::int64_t>& shape,
              std::uint64_t elements)
      : opened(std::move(owner)), path(std::move(name)), sizes(shape.begin(), shape.end()), count(elements) {}

  std::uint64_t size() const override { return count * sizeof(double); }

  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    const std::string subject = opened->name() + ", dataset " + path;
    if (offset > size() || out.size() > size() - offset) refuse(subject, "ends too early", damagedAdvice);
    if (out.empty()) return;
    const std::uint64_t first = offset / sizeof(double), last = (offset + out.size() - 1) / sizeof(double);
    std::size_t skipped = static_cast<std::size_t>(offset % sizeof(double)), filled = 0;
    constexpr std::chrono::seconds longestPiece{10};  // of many chunks, each to be unpacked
    const bool done = opened->inCopy(
        longestPiece,
        [&](hid_t file, const Outlet& write) { return sendValues(file, path, sizes, first, last - first + 1, write); },
        [&](std::span<const std::byte> piece) {
          const std::size_t before = std::min(skipped, piece.size());
          skipped -= before;
          piece = piece.subspan(before);
          piece = piece.first(std::min(piece.size(), out.size() - filled));
          std::copy(piece.begin(), piece.end(), out.begin() + static_cast<std::ptrdiff_t>(filled));
          filled += piece.size();
        });
    if (!done || filled != out.size()) refuse(subject, "cannot be read", damagedAdvice);
  }

 private:
  std::shared_ptr<const OpenFile> opened;
  std::string path;
  std::vector<std::uint64_t> sizes;
  std::uint64_t count;
};

}  // namespace

std::mutex& hdf5Lock() {
  static std::mutex mutex;
  return mutex;
}

Contents readHdf5(const std::filesystem::path& path) {
  const auto opened = std::make_shared<const OpenFile>(path);
  const std::uint64_t budget = jsonBudget(opened->size());
  std::vector<std::byte> text;
  constexpr std::chrono::seconds longestList{2};
  const bool done = opened->inCopy(
      longestList,
      [](hid_t file, const Outlet& write) {
        const std::string list = Lister(file).list();
        write(std::as_bytes(std::span(list)));
        return true;
      },
      [&](std::span<const std::byte> piece) {
        if (piece.size() > budget - text.size()) refuse(path.string(), "lists more than it can hold", damagedAdvice);
        text.insert(text.end(), piece.begin(), piece.end());
      });
  if (!done) refuse(path.string(), "cannot be read as an HDF5 file", damagedAdvice);
  nlohmann::json list = parseStrictJson(text, path.string() + ", list of datasets", budget);

  Contents contents;
  contents.path = path;
  contents.parts = {path};
  contents.formatName = "HDF5";
  contents.metadata = std::move(list.at("metadata"));
  contents.remarks = list.at("remarks").get<std::vector<std::string>>();
  for (const nlohmann::json& entry : list.at("datasets")) {
    StoredTensor stored;
    const auto name = entry.at("name").get<std::string>();
    stored.info = {name, DataType::f64, entry.at("type").get<std::string>(), {}, 0, path.filename().string()};
    stored.info.shape = entry.at("shape").get<std::vector<std::int64_t>>();
    // Compressed datasets may be larger than what is stored, but not without limit; unwritten ones have no values.
    const auto count = elementCount(stored.info.shape);
    const std::uint64_t storedBytes = std::min(entry.at("storedBytes").get<std::uint64_t>(), opened->size());
    const auto valueBytes = entry.at("valueBytes").get<std::uint64_t>();
    if (!count || (*count > 0 && (storedBytes == 0 || *count / 1032 > storedBytes / std::max<std::uint64_t>(valueBytes, 1)))) {
      contents.remarks.push_back("dataset " + name + " claims more values than are stored: skipped");
      continue;
    }
    stored.info.elementCount = *count;
    stored.blob = std::make_shared<DatasetBlob>(opened, name, stored.info.shape, *count);
    contents.tensors.push_back(std::move(stored));
  }
  return contents;
}

}  // namespace analysis
