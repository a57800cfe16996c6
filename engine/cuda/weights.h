// A model's weights on a GPU, and the tables of a session: copied, or made there.
#pragma once

#include "engine/cuda/handles.h"
#include "engine/cuda/kernels.h"
#include "engine/cudamodule.h"

namespace engine::cuda {

class DeviceWeights {
 public:
  // O(bytes) over the bus; random matrices are made on the device. Throws Error(memory), Error(device).
  DeviceWeights(const CudaProgram&, const Launch&);
  const CudaWeights& plan() const { return m_plan; }
  template <class T = void>
  const T* at(const CudaPart& part) const {
    return reinterpret_cast<const T*>(m_memory.bytes() + part.offset);
  }

 private:
  CudaWeights m_plan;
  DeviceBuffer m_memory;
};

// Copies what the modes read besides weights into a session's memory. Returns the most slots of a group per block.
std::vector<int> uploadTables(const CudaProgram&, const DeviceBuffer& session, const Launch&);

}  // namespace engine::cuda
