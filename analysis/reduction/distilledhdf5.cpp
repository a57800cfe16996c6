#include <hdf5.h>

#include <array>
#include <fstream>
#include <span>
#include <utility>

#include "analysis/checkpoint/sha256.h"
#include "analysis/error.h"
#include "analysis/reduction/distilledtables.h"

namespace analysis {

namespace {

constexpr hsize_t longestText = 1 << 20;  // of an attribute: a plan of many exceptions
// The library trusts the bytes of a file so far that damaged ones can crash it. The user block, which it leaves to its
// users and every reader skips, therefore holds a checksum of the rest.
constexpr std::size_t userBlock = 512;
constexpr char blockTitle[] = "polecat-statespace, HDF5 after 512 bytes, sha256 ";

// Owns an HDF5 id and closes it.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : m_id(id), m_close(close) {}
  Handle(Handle&& other) noexcept : m_id(std::exchange(other.m_id, -1)), m_close(other.m_close) {}
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (m_id >= 0) m_close(m_id);
  }
  bool valid() const { return m_id >= 0; }
  operator hid_t() const { return m_id; }

 private:
  hid_t m_id;
  herr_t (*m_close)(hid_t);
};

// The library prints its error stack unless told otherwise; our one sentence is enough.
class Quiet {
 public:
  Quiet() {
    H5Eget_auto2(H5E_DEFAULT, &m_function, &m_data);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Quiet() { H5Eset_auto2(H5E_DEFAULT, m_function, m_data); }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  H5E_auto2_t m_function = nullptr;
  void* m_data = nullptr;
};

// ---- writing

void must(bool done, const std::filesystem::path& path) {
  if (!done)
    throw Error(ErrorKind::output, path.string(), "could not be written", "look at free space and permissions");
}

void writeAttribute(hid_t parent, const std::string& name, const std::string& text, const std::filesystem::path& path) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, std::max<std::size_t>(text.size(), 1));
  H5Tset_cset(type, H5T_CSET_UTF8);
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(H5Acreate2(parent, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  must(attribute.valid() && H5Awrite(attribute, type, text.empty() ? "\0" : text.data()) >= 0, path);
}

template <std::size_t Rank>
void writeDataset(hid_t parent, const char* name, hid_t type, const std::array<hsize_t, Rank>& shape, const void* data,
                  const std::filesystem::path& path) {
  const Handle space(H5Screate_simple(Rank, shape.data(), nullptr), H5Sclose);
  const hid_t stored = H5Tequal(type, H5T_NATIVE_INT32) > 0 ? H5T_STD_I32LE : H5T_IEEE_F64LE;
  // Without time stamps, so that the same models make the same bytes.
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties, false);
  const Handle dataset(H5Dcreate2(parent, name, stored, space, H5P_DEFAULT, properties, H5P_DEFAULT), H5Dclose);
  must(dataset.valid() && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0, path);
}

void writeContent(const Distilled& distilled, const std::filesystem::path& path) {
  const Quiet quiet;
  const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_userblock(creation, userBlock);
  const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, H5P_DEFAULT), H5Fclose);
  must(file.valid(), path);
  for (const auto& [name, text] : distilled.metadata) writeAttribute(file, name, text, path);
  const Handle models(H5Gcreate2(file, "models", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
  for (const auto& bank : distilled.banks) {
    const auto t = tablesOf(bank);
    const Handle group(H5Gcreate2(models, bank.path.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
    must(group.valid(), path);
    const auto C = static_cast<hsize_t>(t.channels), M = static_cast<hsize_t>(t.width);
    for (const auto& [name, table] :
         {std::pair{"poles", &t.poles}, std::pair{"residues", &t.residues}, std::pair{"log_poles", &t.logPoles}})
      writeDataset<3>(group, name, H5T_NATIVE_DOUBLE, {C, M, 2}, table->data(), path);
    for (const auto& [name, column] : {std::pair{"feedthrough", &t.feedthrough}, std::pair{"skip", &t.skip},
                                       std::pair{"error", &t.error}, std::pair{"certificate", &t.certificate}})
      writeDataset<1>(group, name, H5T_NATIVE_DOUBLE, {C}, column->data(), path);
    writeDataset<1>(group, "order", H5T_NATIVE_INT32, {C}, t.order.data(), path);
    if (!t.poleSet.empty()) writeDataset<1>(group, "pole_set", H5T_NATIVE_INT32, {C}, t.poleSet.data(), path);
  }
  must(H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0, path);
}

// ---- checksum

// The first bytes of the user block of a file with this content.
std::string blockText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(userBlock);
  Sha256 hash;
  std::vector<char> piece(1 << 16);
  while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())) || file.gcount() > 0)
    hash.add(std::as_bytes(std::span(piece.data(), static_cast<std::size_t>(file.gcount()))));
  return blockTitle + hash.finish() + "\n";
}

bool isIntact(const std::filesystem::path& path) {
  const std::string expected = blockText(path);
  std::string found(expected.size(), '\0');
  std::ifstream file(path, std::ios::binary);
  return file.read(found.data(), static_cast<std::streamsize>(found.size())) && found == expected;
}

// ---- reading

[[noreturn]] void refuse(const std::string& file, const std::string& problem) {
  throw Error(ErrorKind::input, file, problem, "distil the checkpoint again");
}

std::string readAttribute(hid_t parent, const std::string& name, const std::string& file) {
  const Handle attribute(H5Aopen(parent, name.c_str(), H5P_DEFAULT), H5Aclose);
  const Handle type(H5Aget_type(attribute), H5Tclose), space(H5Aget_space(attribute), H5Sclose);
  const std::size_t size = H5Tget_size(type);
  if (!attribute.valid() || H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) > 0 || size > longestText ||
      H5Sget_simple_extent_npoints(space) != 1) {
    refuse(file, "attribute " + name + " is no short text");
  }
  std::string text(size, '\0');
  if (H5Aread(attribute, type, text.data()) < 0) refuse(file, "attribute " + name + " cannot be read");
  text.resize(std::min(text.size(), text.find('\0') == std::string::npos ? text.size() : text.find('\0')));
  return text;
}

// A dataset, whose shape is checked against what its storage can hold before anything is allocated.
struct Dataset {
  Handle id;
  std::vector<hsize_t> shape;

  Dataset(hid_t parent, const char* name, const std::string& subject)
      : id(H5Dopen2(parent, name, H5P_DEFAULT), H5Dclose) {
    if (!id.valid()) refuse(subject, std::string("dataset ") + name + " is missing");
    const Handle space(H5Dget_space(id), H5Sclose), type(H5Dget_type(id), H5Tclose);
    const Handle properties(H5Dget_create_plist(id), H5Pclose);
    const int rank = H5Sget_simple_extent_ndims(space);
    if (rank < 1 || rank > 3) refuse(subject, std::string("dataset ") + name + " has an unknown shape");
    shape.resize(static_cast<std::size_t>(rank));
    H5Sget_simple_extent_dims(space, shape.data(), nullptr);
    hsize_t bytes = H5Tget_size(type);
    const hsize_t stored = H5Dget_storage_size(id);
    for (const hsize_t extent : shape) {
      if (extent != 0 && bytes > stored / extent)
        bytes = stored + 1;  // more than there is, without overflow
      else
        bytes *= extent;
    }
    if (bytes != stored || H5Pget_layout(properties) != H5D_CONTIGUOUS) {
      refuse(subject, std::string("dataset ") + name + " is not stored as a plain table");
    }
  }

  template <typename Number>
  std::vector<Number> values(hid_t type, const std::vector<hsize_t>& expected, const std::string& subject) const {
    if (shape != expected) refuse(subject, "its datasets differ in shape");
    std::size_t count = 1;
    for (const hsize_t extent : shape) count *= extent;
    std::vector<Number> result(count);
    if (H5Dread(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, result.data()) < 0)
      refuse(subject, "a dataset cannot be read");
    return result;
  }
};

template <typename Visit>
void eachAttribute(hid_t parent, Visit visit) {
  const auto forward = [](hid_t, const char* name, const H5A_info_t*, void* names) -> herr_t {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
  };
  std::vector<std::string> names;
  H5Aiterate2(parent, H5_INDEX_NAME, H5_ITER_INC, nullptr, forward, &names);
  for (const auto& name : names) visit(name);
}

std::vector<std::string> groupNames(hid_t parent) {
  std::vector<std::string> names;
  const auto forward = [](hid_t, const char* name, const H5L_info_t*, void* list) -> herr_t {
    static_cast<std::vector<std::string>*>(list)->emplace_back(name);
    return 0;
  };
  H5Literate(parent, H5_INDEX_NAME, H5_ITER_INC, nullptr, forward, &names);
  return names;
}

DistilledTables readBank(hid_t group, const std::string& path, const std::string& subject) {
  DistilledTables t;
  t.path = path;
  const Dataset poles(group, "poles", subject);
  if (poles.shape.size() != 3) refuse(subject, "its poles are not [channels, order, 2]");
  t.channels = static_cast<std::int64_t>(poles.shape[0]);
  t.width = static_cast<std::int64_t>(poles.shape[1]);
  const std::vector<hsize_t> cube{poles.shape[0], poles.shape[1], 2}, column{poles.shape[0]};
  const auto table = [&](const char* name, const std::vector<hsize_t>& shape) {
    return Dataset(group, name, subject).values<double>(H5T_NATIVE_DOUBLE, shape, subject);
  };
  t.poles = poles.values<double>(H5T_NATIVE_DOUBLE, cube, subject);
  t.residues = table("residues", cube);
  if (H5Lexists(group, "log_poles", H5P_DEFAULT) > 0) t.logPoles = table("log_poles", cube);
  t.order = Dataset(group, "order", subject).values<std::int32_t>(H5T_NATIVE_INT32, column, subject);
  if (H5Lexists(group, "pole_set", H5P_DEFAULT) > 0)
    t.poleSet = Dataset(group, "pole_set", subject).values<std::int32_t>(H5T_NATIVE_INT32, column, subject);
  t.feedthrough = table("feedthrough", column);
  t.skip = table("skip", column);
  t.error = table("error", column);
  t.certificate = table("certificate", column);
  return t;
}

}  // namespace

void writeDistilledHdf5(const Distilled& distilled, const std::filesystem::path& path) {
  writeContent(distilled, path);
  const std::string text = blockText(path);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  must(!file.fail(), path);
}

Distilled readDistilledHdf5(const std::filesystem::path& path) {
  const Quiet quiet;
  const std::string name = path.filename().string();
  if (!std::filesystem::is_regular_file(path)) refuse(name, "there is no such file");
  if (!isIntact(path)) refuse(name, "it was not written by this program, or was changed or damaged since");
  const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (!file.valid()) refuse(name, "it is no HDF5 file");
  Distilled distilled;
  eachAttribute(file, [&](const std::string& key) { distilled.metadata[key] = readAttribute(file, key, name); });
  requireOurFormat(distilled.metadata, name);
  const Handle models(H5Gopen2(file, "models", H5P_DEFAULT), H5Gclose);
  if (!models.valid()) refuse(name, "group models is missing");
  for (const auto& bank : groupNames(models)) {
    const std::string subject = name + ", " + bank;
    const Handle group(H5Gopen2(models, bank.c_str(), H5P_DEFAULT), H5Gclose);
    if (!group.valid()) refuse(subject, "it is no group");
    distilled.banks.push_back(bankOf(readBank(group, bank, subject), name));
  }
  return distilled;
}

}  // namespace analysis
