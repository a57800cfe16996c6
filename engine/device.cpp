#include "engine/device.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <limits>
#include <thread>

#include "engine/buffer.h"
#include "engine/cpu/runner.h"
#include "engine/cudadevice.h"
#include "engine/error.h"
#include "engine/runner.h"

namespace engine {
namespace {

// "Key:   12345 kB" of /proc/meminfo in bytes; 0 when there is none.
std::size_t memoryLine(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  std::string word;
  while (file >> word) {
    if (word == key) {
      std::size_t kibibytes = 0;
      file >> kibibytes;
      return kibibytes * 1024;
    }
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

std::string processorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      if (const auto colon = line.find(": "); colon != std::string::npos) return line.substr(colon + 2);
  return "processor";
}

class Cpu final : public Device {
 public:
  explicit Cpu(int threads) : m_team(std::make_shared<cpu::Team>(threads)) {}
  const std::string& id() const override { return m_id; }
  int threads() const override { return m_team->size(); }
  std::size_t freeBytes() const override {
    const std::size_t bytes = memoryLine("MemAvailable:");
    return bytes > 0 ? bytes : std::numeric_limits<std::size_t>::max();  // unknown: the allocator will tell
  }
  Footprint predict(const Shape& shape, const Workload& workload) const override {
    return footprint(shape, workload, threads());
  }
  void require(const Model& model, const Workload& workload) const override { checkMode(model, workload.mode); }
  Calibration calibrate() override;
  std::unique_ptr<Runner> run(std::shared_ptr<const Model> model, const Workload& workload) override {
    return cpu::makeRunner(std::move(model), workload, m_team);
  }

 private:
  const std::string m_id = "cpu";
  std::shared_ptr<cpu::Team> m_team;
};

// The median of seven copies by all threads.
Calibration Cpu::calibrate() {
  using Clock = std::chrono::steady_clock;
  constexpr std::size_t bytes = std::size_t{128} << 20;
  Meter counted = 0;
  Buffer<char> from(bytes, counted), to(bytes, counted);
  const int parts = m_team->size();
  std::vector<double> rates;
  for (int repeat = 0; repeat < 7; ++repeat) {
    const auto start = Clock::now();
    m_team->run(parts, [&](int part, int) {
      const std::size_t size = bytes / static_cast<std::size_t>(parts), at = size * static_cast<std::size_t>(part);
      std::memcpy(to.data() + at, from.data() + at, size);
    });
    rates.push_back(2 * static_cast<double>(bytes) / std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::nth_element(rates.begin(), rates.begin() + 3, rates.end());
  return {rates[3], 0};
}

}  // namespace

std::vector<DeviceInfo> devices() {
  DeviceInfo cpu;
  cpu.id = "cpu";
  cpu.name = processorName();
#if defined(__AVX512F__)
  cpu.remark = "AVX-512";
#elif defined(__AVX2__)
  cpu.remark = "AVX2";
#else
  cpu.remark = "no wide vectors: built for any processor";
#endif
  cpu.memoryBytes = memoryLine("MemTotal:");
  cpu.freeBytes = memoryLine("MemAvailable:");
  cpu.cores = static_cast<int>(std::thread::hardware_concurrency());
  std::vector<DeviceInfo> list{cpu};
  for (DeviceInfo& gpu : cudaDevices()) list.push_back(std::move(gpu));
  return list;
}

std::shared_ptr<Device> Device::open(const std::string& id, int threads) {
  if (id.starts_with("cuda")) return openCuda(id);
  if (id != "cpu") throw Error(ErrorKind::device, "device " + id, "there is no such device", "use cpu");
  if (threads < 0 || threads > 4096)
    throw Error(ErrorKind::input, "device cpu", std::to_string(threads) + " threads were asked for",
                "use 0 for one per core");
  return std::make_shared<Cpu>(threads);
}

}  // namespace engine
