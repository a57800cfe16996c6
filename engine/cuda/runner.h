// A session's forward pass on a GPU: one captured graph per token, prompts in large pieces.
#pragma once

#include <memory>

#include "engine/cuda/gemm.h"
#include "engine/cuda/weights.h"
#include "engine/cudamodule.h"

namespace engine::cuda {

struct Board {
  int index = 0;
  bool dependentLaunch = false;
  Stream stream;
  std::unique_ptr<Gemm> gemm;
};

// Allocates, tunes and captures. Throws Error.
std::unique_ptr<Runner> makeRunner(std::shared_ptr<Board>, std::shared_ptr<const DeviceWeights>, const CudaProgram&);

}  // namespace engine::cuda
