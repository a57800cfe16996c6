// Files that torch.load opens, with weights_only too: zip archives of a protocol 2 pickle and raw storages, byte for
// byte the same for the same content.
#pragma once

#include <cstddef>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "analysis/tensors/tensorfile.h"

namespace analysis {

// A contiguous tensor; `bytes` are its values, little-endian, row-major. `type` is one that PyTorch has a storage for:
// a float, complex or integer type (not an 8-bit float, not an unsigned type wider than 8 bits).
struct TorchTensor {
  std::string name;
  DataType type = DataType::f32;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;
};

// The file that torch.save(tensor, "<stem>.pt") would leave: one bare tensor. The layout is PyTorch's own since 1.6:
// <stem>/data.pkl, byteorder, data/0, version; stored members, values aligned to 64 bytes, checksums.
void writeTorchTensor(std::ostream&, const std::string& stem, const TorchTensor&);

// The same for {text: text ..., "state_dict": {name: tensor ...}}, names in the order given.
void writeTorchTensors(std::ostream&, const std::string& stem, const std::vector<TorchTensor>&,
                       const std::map<std::string, std::string>& texts);

}  // namespace analysis
