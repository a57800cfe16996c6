// What every kernel here begins with: conversions, 16-byte vectors, dependent launches.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <string>
#include <type_traits>

#include "engine/cuda/kernels.h"
#include "engine/error.h"

namespace engine::cuda {

using Half = __nv_bfloat16;

__device__ inline float toFloat(float x) {
  return x;
}
__device__ inline float toFloat(Half x) {
  return __bfloat162float(x);
}
template <class T>
__device__ inline T fromFloat(float x);
template <>
__device__ inline float fromFloat<float>(float x) {
  return x;
}
template <>
__device__ inline Half fromFloat<Half>(float x) {
  return __float2bfloat16(x);
}
// As a value of type T would be read back.
template <class T>
__device__ inline float rounded(float x) {
  return toFloat(fromFloat<T>(x));
}

__device__ inline float gelu(float x) {
  return x / (1.0F + expf(-1.5957691216F * (x + 0.044715F * x * x * x)));
}

// Eight neighbours as floats: 16 bytes of bfloat16, twice 16 of float32.
template <class T>
struct Eight;
template <>
struct Eight<Half> {
  uint4 raw;
  __device__ void load(const Half* from) { raw = *reinterpret_cast<const uint4*>(from); }
  // Read once: past the first-level cache.
  __device__ void stream(const Half* from) { raw = __ldcs(reinterpret_cast<const uint4*>(from)); }
  __device__ void clear() { raw = make_uint4(0, 0, 0, 0); }
  __device__ void unpack(float (&to)[8]) const {
    const unsigned words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      to[2 * i] = __uint_as_float(words[i] << 16);
      to[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
    }
  }
};
template <>
struct Eight<float> {
  float4 low, high;
  __device__ void load(const float* from) {
    low = *reinterpret_cast<const float4*>(from);
    high = *reinterpret_cast<const float4*>(from + 4);
  }
  __device__ void stream(const float* from) {
    low = __ldcs(reinterpret_cast<const float4*>(from));
    high = __ldcs(reinterpret_cast<const float4*>(from + 4));
  }
  __device__ void clear() { low = high = make_float4(0, 0, 0, 0); }
  __device__ void unpack(float (&to)[8]) const {
    to[0] = low.x, to[1] = low.y, to[2] = low.z, to[3] = low.w;
    to[4] = high.x, to[5] = high.y, to[6] = high.z, to[7] = high.w;
  }
};

// Two neighbours.
__device__ inline float2 loadTwo(const float* from) {
  return *reinterpret_cast<const float2*>(from);
}
__device__ inline float2 loadTwo(const Half* from) {
  return __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162*>(from));
}

// Until the kernel before this one has finished and its writes can be seen. Does nothing after an ordinary launch.
__device__ inline void waitForPredecessor() {
#if __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
#endif
}
// From now on the next kernel may take free multiprocessors (it waits before it reads).
__device__ inline void letSuccessorStart() {
#if __CUDA_ARCH__ >= 900
  cudaTriggerProgrammaticLaunchCompletion();
#endif
}

__device__ inline float warpSum(float x) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(0xffffffffu, x, offset);
  return x;
}

// What a normed value is multiplied by, from the mean of the squares.
__device__ inline float normMultiplier(const NormView& norm, float meanSquare) {
  return norm.epsOutside ? 1.0F / (sqrtf(meanSquare) + norm.eps) : rsqrtf(meanSquare + norm.eps);
}

inline void checkLaunch(cudaError_t status) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  throw Error(ErrorKind::device, "CUDA", std::string("launching a kernel failed: ") + cudaGetErrorString(status),
              "run on the CPU, or start the program again");
}

// What a block of threads can have of it on the current device.
inline std::size_t sharedBytesOfBlock() {
  int device = 0, bytes = 0;
  checkLaunch(cudaGetDevice(&device));
  checkLaunch(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
  return static_cast<std::size_t>(bytes);
}

// As launch(), in clusters of `cluster` blocks next to each other in x (more than one: compute capability 9.0).
template <class... Parameters, class... Arguments>
void launchClusters(void (*kernel)(Parameters...), dim3 grid, int cluster, dim3 block, std::size_t shared,
                    const Launch& where, const Arguments&... arguments) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared;
  config.stream = where.stream;
  cudaLaunchAttribute attributes[2] = {};
  config.attrs = attributes;
  if (where.dependent) {
    attributes[config.numAttrs].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[config.numAttrs++].val.programmaticStreamSerializationAllowed = 1;
  }
  if (cluster > 1) {
    attributes[config.numAttrs].id = cudaLaunchAttributeClusterDimension;
    attributes[config.numAttrs++].val.clusterDim = {static_cast<unsigned>(cluster), 1, 1};
  }
  const void* function = reinterpret_cast<const void*>(kernel);
  // One division of cache and shared memory for all: kernels that want different ones cannot overlap.
  checkLaunch(cudaFuncSetAttribute(function, cudaFuncAttributePreferredSharedMemoryCarveout,
                                   cudaSharedmemCarveoutMaxShared));
  if (shared > 32 * 1024)
    checkLaunch(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)));
  checkLaunch(cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...));
}

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared, const Launch& where,
            Arguments... arguments) {
  launchClusters(kernel, grid, 1, block, shared, where, arguments...);
}

// work(lanes) with the power of two of lanes, `Fewest` to 32, that share a row of `width` channels, eight each.
template <int Fewest, class Work>
void byLanes(int width, const Work& work) {
  if constexpr (Fewest < 32) {
    if (width > 8 * Fewest) return byLanes<2 * Fewest>(width, work);
  }
  work(std::integral_constant<int, Fewest>{});
}

inline unsigned blocksFor(std::size_t items, std::size_t perBlock) {
  return static_cast<unsigned>((items + perBlock - 1) / perBlock);
}

}  // namespace engine::cuda
