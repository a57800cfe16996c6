// The convolution in tiles: every `tiledStep` tokens the inputs of a tile are convolved into as many later outputs, in
// register tiles of 16 x 16; what came since the last tile a step sums itself. Together every input meets every later
// output once (engine/cpu/tiled.h). A prompt is a tile that reaches to the end of the capacity.
#include "engine/cuda/mixer.cuh"

namespace engine::cuda {
namespace {

constexpr int channels = 64;  // of a step's block of threads
constexpr int warps = 4;
constexpr int threads = 32 * warps;

// A thread for two channels of a sequence; warps share the inputs since the last tile.
template <class T>
__global__ __launch_bounds__(threads) void stepKernel(MixerStep step, TiledView z) {
  __shared__ float parts[warps][channels];
  letSuccessorStart();
  waitForPredecessor();
  const int position = step.control->position, since = (position - step.control->firstStep) % tiledStep;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, sequence = blockIdx.y;
  float* slots = z.slots + std::size_t(sequence) * z.capacity * step.stride;
  const int column = blockIdx.x * channels + 2 * lane;
  float2 sum = make_float2(0, 0);
  if (column < step.stride)
    for (int lag = 1 + warp; lag <= min(since, z.lags - 1); lag += warps) {
      const float2 tap = loadTwo(z.taps + std::size_t(lag) * step.stride + column);
      const float2 u = loadTwo(slots + std::size_t(position - lag) * step.stride + column);
      sum.x = fmaf(tap.x, u.x, sum.x);
      sum.y = fmaf(tap.y, u.y, sum.y);
    }
  parts[warp][2 * lane] = sum.x;
  parts[warp][2 * lane + 1] = sum.y;
  __syncthreads();
  const int own = blockIdx.x * channels + static_cast<int>(threadIdx.x);
  if (threadIdx.x >= channels || own >= step.stride) return;
  float gate, input;
  gateStep<T>(step, sequence, position, own, gate, input);
  float* slot = slots + std::size_t(position) * step.stride + own;
  const int c = threadIdx.x;
  const float past = *slot + ((parts[0][c] + parts[1][c]) + (parts[2][c] + parts[3][c]));
  *slot = input;
  static_cast<T*>(step.out)[std::size_t(sequence) * step.stride + own] =
      fromFloat<T>(gate * fmaf(z.taps[own], input, past));
}

// Adds inputs [0, count) of each sequence to the sums of outputs [0, outputs), output o at lag o + distance - i.
template <class T>
struct Tile {
  const T* inputs;
  float* sums;
  std::size_t inputsOfSequence, sumsOfSequence;
  int count, outputs, distance, stride;
};

constexpr int side = 16;  // outputs of a thread, and inputs it takes at once
constexpr int tileWarps = 4;

template <class T>
__global__ __launch_bounds__(32 * tileWarps) void tileKernel(Tile<T> tile, const float* taps, int lags) {
  letSuccessorStart();
  waitForPredecessor();
  const int column = blockIdx.x * 32 + threadIdx.x % 32;
  const int firstOut = (blockIdx.y * tileWarps + threadIdx.x / 32) * side;
  if (column >= tile.stride || firstOut >= tile.outputs) return;
  const std::size_t stride = tile.stride;
  const T* inputs = tile.inputs + blockIdx.z * tile.inputsOfSequence + column;
  float* to = tile.sums + blockIdx.z * tile.sumsOfSequence + column;
  taps += column;
  const auto tap = [&](int lag) { return lag >= 0 && lag < lags ? taps[lag * stride] : 0.0F; };
  // Inputs whose lag to some output here is one that the filter has.
  const int nearest = firstOut + tile.distance;
  const int begin = max(0, (nearest - lags + 1) / side * side), end = min(tile.count, nearest + side);
  float sums[side] = {};
  float window[2 * side - 1];  // taps of lag base - 15 ... base + 15, where base = nearest - firstIn
  if (begin < end)
#pragma unroll
    for (int i = 0; i < 2 * side - 1; ++i) window[i] = tap(nearest - begin + i - (side - 1));
  for (int firstIn = begin; firstIn < end; firstIn += side) {
#pragma unroll
    for (int j = 0; j < side; ++j) {
      const float u = firstIn + j < tile.count ? toFloat(inputs[(firstIn + j) * stride]) : 0.0F;
#pragma unroll
      for (int i = 0; i < side; ++i) sums[i] = fmaf(window[i - j + side - 1], u, sums[i]);
    }
    const int base = nearest - firstIn - side;
#pragma unroll
    for (int i = 2 * side - 2; i >= side; --i) window[i] = window[i - side];
#pragma unroll
    for (int i = 0; i < side; ++i) window[i] = tap(base + i - (side - 1));
  }
#pragma unroll
  for (int i = 0; i < side; ++i)
    if (firstOut + i < tile.outputs) to[(firstOut + i) * stride] += sums[i];
}

template <class T>
void add(const Tile<T>& tile, int sequences, const TiledView& z, const Launch& where) {
  if (tile.outputs <= 0) return;
  launch(tileKernel<T>,
         dim3(blocksFor(static_cast<std::size_t>(tile.stride), 32),
              blocksFor(static_cast<std::size_t>(tile.outputs), side * tileWarps), static_cast<unsigned>(sequences)),
         32 * tileWarps, 0, where, tile, z.taps, z.lags);
}

// The inputs of a prompt's piece, into its output.
template <class T>
__global__ void inputsKernel(MixerPrompt prompt) {
  letSuccessorStart();
  waitForPredecessor();
  const int column = blockIdx.x * blockDim.x + threadIdx.x, t = blockIdx.y;
  if (column >= prompt.stride) return;
  const int sequence = prompt.firstSequence + blockIdx.z;
  const std::size_t row0 = std::size_t(blockIdx.z) * prompt.tokens;
  const auto filtered = [&](int stream) { return shortPrompt<T>(prompt, sequence, t, stream, column, row0); };
  static_cast<T*>(prompt.out)[(row0 + t) * prompt.stride + column] = fromFloat<T>(filtered(1) * filtered(2));
}

// Its outputs, in place of the inputs.
template <class T>
__global__ void outputsKernel(MixerPrompt prompt, TiledView z) {
  letSuccessorStart();
  waitForPredecessor();
  const int column = blockIdx.x * blockDim.x + threadIdx.x, t = blockIdx.y;
  if (column >= prompt.stride) return;
  const int sequence = prompt.firstSequence + blockIdx.z;
  const std::size_t row0 = std::size_t(blockIdx.z) * prompt.tokens;
  const float gate = shortPrompt<T>(prompt, sequence, t, 0, column, row0);
  const float sum = z.slots[(std::size_t(sequence) * z.capacity + prompt.position + t) * prompt.stride + column];
  static_cast<T*>(prompt.out)[(row0 + t) * prompt.stride + column] = fromFloat<T>(gate * sum);
}

template <class T>
void promptAll(const MixerPrompt& prompt, const TiledView& z, const Launch& where) {
  const dim3 grid(blocksFor(static_cast<std::size_t>(prompt.stride), 128), static_cast<unsigned>(prompt.tokens),
                  static_cast<unsigned>(prompt.sequences));
  launch(inputsKernel<T>, grid, 128, 0, where, prompt);
  const std::size_t stride = prompt.stride;
  const Tile<T> tile{static_cast<const T*>(prompt.out),
                     z.slots + (std::size_t(prompt.firstSequence) * z.capacity + prompt.position) * stride,
                     prompt.tokens * stride,
                     z.capacity * stride,
                     prompt.tokens,
                     min(z.capacity - prompt.position, prompt.tokens + z.lags - 1),
                     0,
                     prompt.stride};
  add(tile, prompt.sequences, z, where);
  launch(outputsKernel<T>, grid, 128, 0, where, prompt, z);
}

}  // namespace

void stepTiled(const MixerStep& step, const TiledView& z, Type type, const Launch& where) {
  const dim3 grid(blocksFor(static_cast<std::size_t>(step.stride), channels), static_cast<unsigned>(step.batch));
  if (type == Type::float32)
    launch(stepKernel<float>, grid, threads, 0, where, step, z);
  else
    launch(stepKernel<Half>, grid, threads, 0, where, step, z);
}

void addTile(const TiledView& z, int batch, int stride, int size, int position, const Launch& where) {
  const std::size_t row = stride, whole = row * z.capacity;
  const Tile<float> tile{z.slots + (position - size) * row, z.slots + position * row, whole, whole, size,
                         min(size, z.capacity - position), size, stride};
  add(tile, batch, z, where);
}

void promptTiled(const MixerPrompt& prompt, const TiledView& z, Type type, const Launch& where) {
  type == Type::float32 ? promptAll<float>(prompt, z, where) : promptAll<Half>(prompt, z, where);
}

}  // namespace engine::cuda
