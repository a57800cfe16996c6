// What this machine can compute on.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "engine/workload.h"

namespace engine {

class Model;
class Runner;

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

// A device in use, with its threads. One engine thread owns it; the sessions of that thread may share it, so that
// lanes that take turns do not wake and send to sleep a set of threads each.
class Device {
 public:
  // threads: of the CPU, 0 for one per core. Throws Error(device) for an id that devices() does not list as usable.
  static std::shared_ptr<Device> open(const std::string& id = "cpu", int threads = 0);
  virtual ~Device() = default;

  virtual int threads() const = 0;
  // Bytes that could be allocated now.
  virtual std::size_t freeBytes() const = 0;
  // Internal to engine: memory and operations for one model in one mode. Throws Error(unsupported).
  virtual std::unique_ptr<Runner> run(std::shared_ptr<const Model>, const Workload&) = 0;
};

}  // namespace engine
