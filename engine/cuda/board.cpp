// The module's face: which GPUs there are, and one of them in use.
#include <algorithm>
#include <map>

#include "engine/cuda/runner.h"

namespace engine::cuda {
namespace {

// Left to the driver: a plan that takes every byte leaves none to load kernels or to build graphs.
constexpr std::size_t driverReserve = std::size_t{512} << 20;

std::vector<DeviceInfo> listBoards() {
  std::vector<DeviceInfo> list;
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    cudaGetLastError();
    DeviceInfo none;
    none.id = "cuda";
    none.name = "NVIDIA GPU";
    none.remark = cudaGetErrorString(status);
    none.usable = false;
    return {none};
  }
  for (int index = 0; index < count; ++index) {
    DeviceInfo info;
    info.id = "cuda:" + std::to_string(index);
    cudaDeviceProp properties{};
    if (cudaGetDeviceProperties(&properties, index) != cudaSuccess) {
      info.usable = false;
      info.remark = "its properties cannot be read";
      list.push_back(info);
      continue;
    }
    info.name = properties.name;
    info.memoryBytes = properties.totalGlobalMem;
    info.cores = properties.multiProcessorCount;
    const int capability = 10 * properties.major + properties.minor;
    info.usable = capability >= 80;
    info.remark = "compute capability " + std::to_string(properties.major) + "." + std::to_string(properties.minor) +
                  (info.usable ? "" : "; 8.0 is needed");
    // Asking for free memory would start the device: a list must not cost half a gigabyte.
    info.freeBytes = info.memoryBytes;
    list.push_back(info);
  }
  return list;
}

class OpenBoard final : public CudaBoard {
 public:
  explicit OpenBoard(int index) : m_board(std::make_shared<Board>()) {
    check(cudaSetDevice(index), "choosing the device");
    int major = 0;
    check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index), "asking for the device");
    m_board->index = index;
    m_board->dependentLaunch = major >= 9;
    m_board->stream = makeStream();
    m_board->gemm = std::make_unique<Gemm>();
  }

  std::size_t freeBytes() const override {
    check(cudaSetDevice(m_board->index), "choosing the device");
    std::size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "asking for free memory");
    return free > driverReserve ? free - driverReserve : 0;
  }

  bool holds(const Model::Weights* weights, Precision precision) const override {
    const auto found = m_weights.find({weights, precision});
    return found != m_weights.end() && !found->second.expired();
  }

  std::unique_ptr<Runner> run(const CudaProgram& program) override {
    check(cudaSetDevice(m_board->index), "choosing the device");
    auto& entry = m_weights[{program.weights, program.workload.precision}];
    auto weights = entry.lock();
    if (!weights) {
      // The model lives as long as its weights here, so that the key stays its own.
      struct Kept {
        std::shared_ptr<const Model> model;
        DeviceWeights weights;
      };
      auto kept = std::shared_ptr<Kept>(new Kept{program.model, DeviceWeights(program, {m_board->stream.get(), false})});
      weights = std::shared_ptr<const DeviceWeights>(kept, &kept->weights);
      entry = weights;
    }
    return makeRunner(m_board, std::move(weights), program);
  }

  Calibration calibrate() override;

 private:
  std::shared_ptr<Board> m_board;
  std::map<std::pair<const Model::Weights*, Precision>, std::weak_ptr<const DeviceWeights>> m_weights;
};

Calibration OpenBoard::calibrate() {
  check(cudaSetDevice(m_board->index), "choosing the device");
  const Launch where{m_board->stream.get(), false};
  const Event start = makeEvent(), end = makeEvent();
  const auto median = [&](int repeats, auto&& work) {
    std::vector<double> seconds;
    for (int i = 0; i < repeats + 2; ++i) {
      check(cudaEventRecord(start.get(), where.stream), "reading a clock");
      work();
      check(cudaEventRecord(end.get(), where.stream), "reading a clock");
      check(cudaStreamSynchronize(where.stream), "waiting");
      if (i >= 2) seconds.push_back(secondsBetween(start, end));
    }
    std::nth_element(seconds.begin(), seconds.begin() + repeats / 2, seconds.end());
    return seconds[static_cast<std::size_t>(repeats) / 2];
  };
  constexpr std::size_t bytes = std::size_t{1} << 30;
  constexpr int side = 8192;
  constexpr std::size_t matrix = std::size_t{side} * side * 2;
  Calibration result;
  const DeviceBuffer memory(2 * bytes, "calibration");
  randomRows(1, 1, 0, 1, 1 << 29, memory.bytes(), 1 << 29, Type::bfloat16, where);  // never measure on zeros
  result.copyBytesPerSecond = 2.0 * static_cast<double>(bytes) / median(9, [&] {
    check(cudaMemcpyAsync(memory.bytes() + bytes, memory.bytes(), bytes, cudaMemcpyDeviceToDevice, where.stream),
          "copying");
  });
  VectorProduct p{};
  p.rows = p.inputs = p.outputs = side;
  p.weight = memory.bytes();
  p.x = memory.bytes() + matrix;
  p.y = memory.bytes() + 2 * matrix;
  p.finish = Finish::store;
  char* workspace = memory.bytes() + 3 * matrix;
  const std::size_t workspaceBytes = std::size_t{32} << 20;
  m_board->gemm->tune(p, Type::bfloat16, workspace, workspaceBytes, where);
  result.matmulFlopsPerSecond = 2.0 * side * side * static_cast<double>(side) / median(9, [&] {
    m_board->gemm->multiply(p, Type::bfloat16, false, workspace, workspaceBytes, where);
  });
  return result;
}

std::unique_ptr<CudaBoard> openBoard(int index) {
  return std::make_unique<OpenBoard>(index);
}

}  // namespace
}  // namespace engine::cuda

extern "C" __attribute__((visibility("default"))) const engine::CudaModule* polecatCudaModule() {
  static const engine::CudaModule module{engine::cudaModuleVersion, engine::cuda::listBoards, engine::cuda::openBoard};
  return &module;
}
