// Owners of what the CUDA libraries hand out: move-only, released in destructors, every return code looked at.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>

#include "engine/error.h"

namespace engine::cuda {

// Throws Error(device) with the runtime's own words. Errors that outlive the call ("sticky") end the use of the device
// in this process.
inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // an error that can be cleared shall not meet the next call
  throw Error(ErrorKind::device, "CUDA", std::string(what) + " failed: " + cudaGetErrorString(status),
              "run on the CPU, or start the program again");
}

inline void check(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Error(ErrorKind::device, "cuBLASLt", std::string(what) + " failed: " + cublasLtGetStatusString(status),
              "run on the CPU, or start the program again");
}

namespace detail {
struct FreeDevice {
  void operator()(void* memory) const { cudaFree(memory); }
};
struct FreePinned {
  void operator()(void* memory) const { cudaFreeHost(memory); }
};
template <auto Destroy>
struct Release {
  template <class Handle>
  void operator()(Handle* handle) const {
    Destroy(handle);
  }
};
}  // namespace detail

// Device memory without a type; empty when default-made.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  // Throws Error(memory) with needed and free bytes.
  explicit DeviceBuffer(std::size_t bytes, const std::string& purpose) {
    void* memory = nullptr;
    const cudaError_t status = bytes == 0 ? cudaSuccess : cudaMalloc(&memory, bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      std::size_t free = 0, total = 0;
      cudaMemGetInfo(&free, &total);
      throw Error(ErrorKind::memory, purpose,
                  "it needs " + std::to_string((bytes >> 20) + 1) + " MiB of the device where " +
                      std::to_string(free >> 20) + " are free",
                  "use a smaller batch, capacity or model", bytes, free);
    }
    check(status, "allocating memory");
    m_memory.reset(memory);
  }
  char* bytes() const { return static_cast<char*>(m_memory.get()); }
  template <class T>
  T* at(std::size_t offset) const {
    return reinterpret_cast<T*>(bytes() + offset);
  }

 private:
  std::unique_ptr<void, detail::FreeDevice> m_memory;
};

// Host memory that the device copies to and from at full speed.
template <class T>
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  explicit PinnedBuffer(std::size_t count) : m_size(count) {
    void* memory = nullptr;
    check(cudaMallocHost(&memory, count * sizeof(T)), "allocating pinned memory");
    m_memory.reset(memory);
  }
  T* data() const { return static_cast<T*>(m_memory.get()); }
  std::size_t size() const { return m_size; }
  T& operator[](std::size_t i) const { return data()[i]; }

 private:
  std::unique_ptr<void, detail::FreePinned> m_memory;
  std::size_t m_size = 0;
};

template <class Handle, auto Destroy>
using Owner = std::unique_ptr<std::remove_pointer_t<Handle>, detail::Release<Destroy>>;

using Stream = Owner<cudaStream_t, cudaStreamDestroy>;
using Event = Owner<cudaEvent_t, cudaEventDestroy>;
using Graph = Owner<cudaGraph_t, cudaGraphDestroy>;
using GraphExec = Owner<cudaGraphExec_t, cudaGraphExecDestroy>;
using LtHandle = Owner<cublasLtHandle_t, cublasLtDestroy>;
using LtOperation = Owner<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using LtLayout = Owner<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using LtPreference = Owner<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

inline Stream makeStream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "creating a stream");
  return Stream(stream);
}

inline Event makeEvent() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreate(&event), "creating an event");
  return Event(event);
}

// Seconds between two recorded events that have happened.
inline double secondsBetween(const Event& start, const Event& end) {
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, start.get(), end.get()), "reading a clock");
  return 1e-3 * static_cast<double>(milliseconds);
}

}  // namespace engine::cuda
