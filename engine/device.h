// What this machine can compute on.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace engine {

struct DeviceInfo {
  std::string id;      // "cpu"
  std::string name;    // processor or board
  std::string remark;  // instruction set in use, or why a device cannot be used
  std::size_t memoryBytes = 0, freeBytes = 0;
  int cores = 0;
  bool usable = true;
};

// The CPU first; then what other engine modules find.
std::vector<DeviceInfo> devices();

}  // namespace engine
