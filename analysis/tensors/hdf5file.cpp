// HDF5 files: every real dataset is a tensor named by its path; attributes of the root and of groups go to the
// metadata. Values of links into other files are not followed.
#include <hdf5.h>

#include <algorithm>
#include <mutex>

#include "analysis/tensors/elements.h"
#include "analysis/tensors/storedtensors.h"
#include "analysis/tensors/strictjson.h"

namespace analysis {
namespace {

// HDF5 keeps global state; one lock serialises us whatever way the library was built.
std::recursive_mutex& libraryLock() {
  static std::recursive_mutex mutex;
  return mutex;
}

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

struct OpenFile {
  OpenFile(hid_t opened, std::string name) : file(opened), subject(std::move(name)) {}
  ~OpenFile() {
    const std::lock_guard lock(libraryLock());
    H5Fclose(file);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  hid_t file;
  std::string subject;
};

// A dataset as the run of doubles that reading it row by row gives.
class DatasetBlob final : public Blob {
 public:
  DatasetBlob(std::shared_ptr<const OpenFile> owner, std::string where, std::vector<hsize_t> extents)
      : opened(std::move(owner)), path(std::move(where)), sizes(std::move(extents)) {
    for (std::size_t d = 1; d < sizes.size(); ++d) rowElements *= sizes[d];
    rows = sizes.empty() ? 1 : sizes[0];
  }

  std::uint64_t size() const override { return rows * rowElements * sizeof(double); }

  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size() || out.size() > size() - offset) fail("ends too early");
    if (out.empty()) return;
    const std::uint64_t firstRow = offset / sizeof(double) / rowElements;
    const std::uint64_t lastRow = (offset + out.size() - 1) / sizeof(double) / rowElements;
    std::vector<double> values(static_cast<std::size_t>((lastRow - firstRow + 1) * rowElements));
    const std::lock_guard lock(libraryLock());
    const Handle set(H5Dopen2(opened->file, path.c_str(), H5P_DEFAULT));
    if (!set.valid()) fail("cannot be opened");
    const Handle from(H5Dget_space(set));
    if (!sizes.empty()) {
      std::vector<hsize_t> start(sizes.size(), 0), count = sizes;
      start[0] = firstRow;
      count[0] = lastRow - firstRow + 1;
      H5Sselect_hyperslab(from, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr);
    }
    const hsize_t total = values.size();
    const Handle to(H5Screate_simple(1, &total, nullptr));
    if (H5Dread(set, H5T_NATIVE_DOUBLE, to, from, H5P_DEFAULT, values.data()) < 0) fail("cannot be read");
    const auto bytes =
        std::as_bytes(std::span(values))
            .subspan(static_cast<std::size_t>(offset - firstRow * rowElements * sizeof(double)), out.size());
    std::copy(bytes.begin(), bytes.end(), out.begin());
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    refuse(opened->subject + ", dataset " + path, problem, damagedAdvice);
  }

  std::shared_ptr<const OpenFile> opened;
  std::string path;
  std::vector<hsize_t> sizes;
  std::uint64_t rows = 1, rowElements = 1;
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
      if (length > (1 << 16)) return nullptr;
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

class Hdf5Reader {
 public:
  Hdf5Reader(const std::filesystem::path& path, std::shared_ptr<const OpenFile> given) : opened(std::move(given)) {
    contents.path = path;
    contents.parts = {path};
    contents.formatName = "HDF5";
  }

  Contents read() {
    const Visit found = visit(opened->file);
    for (const std::string& name : found.groups) {
      const Handle group(H5Oopen(opened->file, name.c_str(), H5P_DEFAULT));
      nlohmann::json attributes = attributesOf(group);
      if (attributes.empty()) continue;
      if (name == ".") {
        contents.metadata.update(attributes);
      } else {
        contents.metadata["groups"][name] = std::move(attributes);
      }
    }
    for (const std::string& name : found.datasets) add(name);
    return std::move(contents);
  }

 private:
  void add(const std::string& name) {
    const Handle set(H5Dopen2(opened->file, name.c_str(), H5P_DEFAULT));
    if (!set.valid()) return skip(name, "cannot be opened");
    const Handle type(H5Dget_type(set)), space(H5Dget_space(set)), creation(H5Dget_create_plist(set));
    const H5T_class_t kind = H5Tget_class(type);
    if (kind != H5T_FLOAT && kind != H5T_INTEGER) return skip(name, "holds no numbers");
    if (H5Pget_layout(creation) == H5D_VIRTUAL || H5Pget_external_count(creation) > 0) {
      return skip(name, "keeps its values in another file");
    }
    const int rank = H5Sget_simple_extent_ndims(space);
    std::vector<hsize_t> sizes(static_cast<std::size_t>(std::max(rank, 0)));
    if (rank > 0) H5Sget_simple_extent_dims(space, sizes.data(), nullptr);
    StoredTensor stored;
    stored.info = {
        name, DataType::f64, kind == H5T_FLOAT ? "float" : "integer", {}, 0, contents.path.filename().string()};
    for (const hsize_t size : sizes) stored.info.shape.push_back(static_cast<std::int64_t>(size));
    const auto count = elementCount(stored.info.shape);
    // Compressed datasets may be larger than what is stored, but not without limit; unwritten ones have no values.
    const std::uint64_t storedBytes = H5Dget_storage_size(set);
    if (!count || *count * H5Tget_size(type) / 1032 > storedBytes || (*count > 0 && storedBytes == 0)) {
      return skip(name, "claims more values than are stored");
    }
    stored.info.elementCount = *count;
    stored.blob = std::make_shared<DatasetBlob>(opened, name, sizes);
    contents.tensors.push_back(std::move(stored));
  }

  void skip(const std::string& name, const std::string& why) {
    contents.remarks.push_back("dataset " + name + " " + why + ": skipped");
  }

  std::shared_ptr<const OpenFile> opened;
  Contents contents;
};

}  // namespace

Contents readHdf5(const std::filesystem::path& path) {
  const std::lock_guard lock(libraryLock());
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // failures come back as values; nothing is printed
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) refuse(path.string(), "cannot be read as an HDF5 file", damagedAdvice);
  return Hdf5Reader(path, std::make_shared<OpenFile>(file, path.string())).read();
}

}  // namespace analysis
