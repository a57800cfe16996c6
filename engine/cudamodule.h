// Between the engine and its CUDA module, a library that is loaded at run time: the program starts, and says why it
// uses the CPU, where no driver or CUDA library is installed. No CUDA header here. Internal to engine.
#pragma once

#include <memory>
#include <vector>

#include "engine/cpu/blocked.h"
#include "engine/cudaplan.h"
#include "engine/device.h"
#include "engine/model.h"
#include "engine/runner.h"
#include "engine/tables.h"

namespace engine {

// All that a runner on a GPU is made of. The pointers are valid during CudaBoard::run alone; `model` is kept.
struct CudaProgram {
  std::shared_ptr<const Model> model;
  const Model::Weights* weights = nullptr;
  const Shape* shape = nullptr;
  int vocabularySize = 0;
  Workload workload;
  CudaWeights weightPlan;
  CudaSession sessionPlan;
  std::vector<const FilterBank*> filters;  // of each bank, when convolved
  std::vector<const ModalTable*> modal;    // of each bank, when recurrent
  std::vector<const cpu::BlockTable*> blocks;
  std::vector<const Buffer<float>*> sections;  // of each bank, in place of the modal coefficients: companion
};

// One GPU in use. Used by one thread at a time.
class CudaBoard {
 public:
  virtual ~CudaBoard() = default;
  virtual std::size_t freeBytes() const = 0;
  virtual bool holds(const Model::Weights*, Precision) const = 0;
  virtual std::unique_ptr<Runner> run(const CudaProgram&) = 0;
  virtual Calibration calibrate() = 0;
};

struct CudaModule {
  int version = 0;
  // Throws nothing; an unusable board or driver is listed with the reason.
  std::vector<DeviceInfo> (*devices)() = nullptr;
  std::unique_ptr<CudaBoard> (*open)(int index) = nullptr;
};
inline constexpr int cudaModuleVersion = 4;
// The one symbol of the library.
inline constexpr const char* cudaModuleSymbol = "polecatCudaModule";
using CudaModuleFunction = const CudaModule* (*)();

}  // namespace engine
