// The one TensorFile behind all formats: a reader finds out where each tensor lies, this class fetches the values.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "analysis/tensors/blob.h"
#include "analysis/tensors/tensorfile.h"

namespace analysis {

// Where the values of a tensor lie. Element (i, j, ..) is number firstElement + i strides[0] + j strides[1] + .. of
// the blob, counted from byteOffset. The reader has checked that every element lies inside the blob.
struct StoredTensor {
  TensorInfo info;
  std::shared_ptr<const Blob> blob;
  std::uint64_t byteOffset = 0;
  std::uint64_t firstElement = 0;
  std::vector<std::int64_t> strides;  // in elements, none negative; empty: row-major without gaps
  bool bigEndian = false;
  bool negated = false, conjugated = false;
};

// What a format reader hands over.
struct Contents {
  std::filesystem::path path;
  std::vector<std::filesystem::path> parts;
  std::string formatName;
  std::vector<StoredTensor> tensors;
  nlohmann::json metadata = nlohmann::json::object();
  std::vector<std::string> remarks;
};

// Sorts, numbers the storages and takes over. Throws Error(input) when two tensors share a name.
std::shared_ptr<const TensorFile> makeTensorFile(Contents);

// strides of a row-major tensor without gaps.
std::vector<std::int64_t> rowMajorStrides(const std::vector<std::int64_t>& shape);

class ZipArchive;

// The format readers. Each throws Error(input); `blob` or `archive` is what lies at `path`, open.
Contents readSafetensors(const std::filesystem::path& path, const std::shared_ptr<const Blob>& blob);
Contents readTorchZip(const std::filesystem::path& path, std::shared_ptr<ZipArchive> archive);
Contents readNpy(const std::filesystem::path& path, std::shared_ptr<const Blob> blob);
Contents readHdf5(const std::filesystem::path& path);
Contents readNpz(const std::filesystem::path& path, const std::shared_ptr<ZipArchive>& archive);

}  // namespace analysis
