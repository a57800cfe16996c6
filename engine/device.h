// What this machine can compute on.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "engine/footprint.h"
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

// What a device moved and multiplied in a trial just now: the roofs that rates are compared with.
struct Calibration {
  double copyBytesPerSecond = 0;    // read + written, by a copy far larger than the caches
  double matmulFlopsPerSecond = 0;  // 8192^3 bfloat16 product; 0 where it was not measured (CPU)
};

// The CPU first; then GPUs, or one entry that says why there are none.
std::vector<DeviceInfo> devices();

// A device in use, with its threads. One engine thread owns it; the sessions of that thread may share it, so that
// lanes that take turns do not wake and send to sleep a set of threads each.
class Device {
 public:
  // threads: of the CPU, 0 for one per core. Throws Error(device) for an id that devices() does not list as usable.
  static std::shared_ptr<Device> open(const std::string& id = "cpu", int threads = 0);
  virtual ~Device() = default;

  virtual const std::string& id() const = 0;
  virtual int threads() const = 0;
  // Bytes that sessions may still take; on a GPU half a gibibyte stays with the driver, for kernels and graphs.
  virtual std::size_t freeBytes() const = 0;
  // What a session would take here (footprint.h for the CPU).
  virtual Footprint predict(const Shape&, const Workload&) const = 0;
  // Throws Error(unsupported) when this device does not run such a model in this mode; whether it fits is another
  // matter.
  virtual void require(const Model&, const Workload&) const = 0;
  // A trial of about a second.
  virtual Calibration calibrate() = 0;
  // Internal to engine: memory and operations for one model in one mode. Throws Error(unsupported).
  virtual std::unique_ptr<Runner> run(std::shared_ptr<const Model>, const Workload&) = 0;
};

}  // namespace engine
