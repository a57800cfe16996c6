#include <hdf5.h>

#include <array>
#include <fstream>
#include <span>
#include <utility>

#include "analysis/checkpoint/sha256.h"
#include "analysis/error.h"
#include "analysis/reduction/distilledtables.h"
#include "analysis/tensors/hdf5lock.h"

namespace analysis {

namespace {

// The library may take damaged numbers for good ones. The user block, which it leaves to its users and every reader
// skips, therefore holds a checksum of the rest.
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

// What follows the user block. The library builds it in memory: of a write to a disk that fails it would keep what it could not
// write, and crash with it when the program ends.
std::vector<char> imageOf(const Distilled& distilled, const std::filesystem::path& path) {
  const std::lock_guard lock(hdf5Lock());
  const Quiet quiet;
  const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose), access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_userblock(creation, userBlock);
  constexpr std::size_t growth = 1 << 20;
  must(H5Pset_fapl_core(access, growth, false) >= 0, path);
  const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, access), H5Fclose);
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
  const auto size = H5Fget_file_image(file, nullptr, 0);
  must(size > 0, path);
  std::vector<char> image(static_cast<std::size_t>(size));
  must(H5Fget_file_image(file, image.data(), image.size()) == size, path);
  return image;
}

// ---- checksum

std::string blockText(Sha256& content) {
  return blockTitle + content.finish() + "\n";
}

// The first bytes of the user block that the file should have.
std::string expectedBlock(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(userBlock);
  Sha256 hash;
  std::vector<char> piece(1 << 16);
  while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())) || file.gcount() > 0)
    hash.add(std::as_bytes(std::span(piece.data(), static_cast<std::size_t>(file.gcount()))));
  return blockText(hash);
}

bool isIntact(const std::filesystem::path& path) {
  const std::string expected = expectedBlock(path);
  std::string found(expected.size(), '\0');
  std::ifstream file(path, std::ios::binary);
  return file.read(found.data(), static_cast<std::streamsize>(found.size())) && found == expected;
}

}  // namespace

void writeDistilledHdf5(const Distilled& distilled, const std::filesystem::path& path) {
  const std::vector<char> image = imageOf(distilled, path);
  Sha256 hash;
  hash.add(std::as_bytes(std::span(image)));
  std::string block = blockText(hash);
  block.resize(userBlock, '\0');
  std::ofstream file(path, std::ios::binary);
  file.write(block.data(), userBlock);
  file.write(image.data(), static_cast<std::streamsize>(image.size()));
  file.close();
  must(!file.fail(), path);
}

Distilled readDistilledHdf5(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  const auto refuse = [&](const std::string& problem) {
    throw Error(ErrorKind::input, name, problem, "distil the checkpoint again");
  };
  if (!std::filesystem::is_regular_file(path)) refuse("there is no such file");
  if (!isIntact(path)) refuse("it was not written by this program, or was changed or damaged since");
  return readDistilledTensors(path);
}

}  // namespace analysis
