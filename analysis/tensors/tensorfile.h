// A file of named tensors, opened by its header alone: names, shapes and types cost nothing more, values are read when
// asked for. One reader per format behind one interface; sharded and split files look like one file.
#pragma once

#include <complex>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/task.h"

namespace analysis {

enum class DataType {
  f64,
  f32,
  f16,
  bf16,
  f8e4m3,
  f8e5m2,
  f8e4m3fnuz,
  f8e5m2fnuz,
  f8e8m0,  // as OCP's and ONNX's float8 define them
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  boolean,
  c64,
  c128,
  unsupported
};

// Bytes of one element; 0 for unsupported.
std::size_t byteSize(DataType);
std::string_view name(DataType);

struct TensorInfo {
  std::string name;
  DataType type = DataType::unsupported;
  std::string typeName;             // as the file spells it, for display ("BF16", "torch.FloatStorage")
  std::vector<std::int64_t> shape;  // empty: a scalar
  std::uint64_t elementCount = 0;   // product of shape, checked against overflow and against the file
  std::string file;                 // base name of the file that holds the values
  std::uint64_t storage = 0;        // tensors of one TensorFile with equal numbers are the same stored bytes
};

// Values are widened to the asked type in row-major order whatever the file's order and strides. Thread-safe.
// Everything throws Error(input) that names file and tensor; nothing is allocated from an unchecked size.
class TensorFile {
 public:
  virtual ~TensorFile() = default;

  // The file that was opened and every file behind it (shards, index), sorted by name.
  virtual const std::filesystem::path& path() const = 0;
  virtual const std::vector<std::filesystem::path>& parts() const = 0;
  // For people: "PyTorch zip", "safetensors, 4 shards".
  virtual std::string formatName() const = 0;

  // Sorted by name, unique.
  virtual const std::vector<TensorInfo>& tensors() const = 0;
  // nullptr when absent. O(log n).
  const TensorInfo* find(std::string_view name) const;

  // Elements [first, first + out.size()) of the flattened tensor. Cost: the bytes of that range.
  virtual void read(const TensorInfo&, std::uint64_t first, std::span<double> out) const = 0;
  virtual void read(const TensorInfo&, std::uint64_t first, std::span<float> out) const = 0;
  // Real types become numbers without imaginary part.
  virtual void read(const TensorInfo&, std::uint64_t first, std::span<std::complex<double>> out) const = 0;
  // The whole tensor; throws when it is absent.
  std::vector<double> doubles(std::string_view name) const;
  std::vector<float> floats(std::string_view name) const;
  std::vector<std::complex<double>> complexes(std::string_view name) const;

  // Plain values stored beside the tensors: safetensors __metadata__, the non-tensor entries of a torch file
  // (hyper_parameters ...), and under "config" a config.json lying beside the file. Never null, maybe empty.
  virtual const nlohmann::json& metadata() const = 0;
  // Sentences about what was skipped or looked odd (a tensor of unknown class, a key not in the index).
  virtual const std::vector<std::string>& remarks() const = 0;

  // The first of parts() that is no longer the file that was opened: replaced, rewritten or removed. Values go on
  // coming from a file that was replaced as a whole; reading one that was rewritten in place throws. O(parts).
  virtual std::optional<std::filesystem::path> changedPart() const = 0;
};

// Recognises the format by content: safetensors (file, index, any shard, folder), torch zip, NumPy, HDF5. Reads headers
// only.
std::shared_ptr<const TensorFile> openTensorFile(const std::filesystem::path&, const Task& = {});

}  // namespace analysis
