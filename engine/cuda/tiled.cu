// The convolution in tiles, of single channels: one token of many sequences, or a prompt.
#include "engine/cuda/convolve.cuh"
#include "engine/cuda/mixer.cuh"

namespace engine::cuda {
namespace {

constexpr int channels = 64;  // of a step's block of threads
constexpr int warps = 8;
constexpr int threads = 32 * warps;
constexpr int lagsOfWarp = 2 * tileRows / warps;

// A thread for two channels of a sequence; warps share the newest inputs. Few: as many taps of the short filter as Gates
// takes.
template <class T, bool Few>
__global__ __launch_bounds__(threads) void stepKernel(MixerStep step, TiledView z) {
  __shared__ float parts[warps][channels];
  letSuccessorStart();
  // Nothing before this kernel in the same token writes the position, earlier inputs or sums: they are on their way
  // while the streams are made.
  const int position = step.control->position, newest = newestInputs(*step.control, z.lags);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, sequence = blockIdx.y;
  const int column = blockIdx.x * channels + 2 * lane, own = blockIdx.x * channels + static_cast<int>(threadIdx.x);
  float* slot = z.slots + (std::size_t(sequence) * z.capacity + position) * step.stride;
  const bool finishes = threadIdx.x < channels && own < step.stride;
  const Gates<T> gates(step, position, Few && finishes ? own : 0);
  const float before = finishes ? slot[own] : 0, direct = finishes ? z.taps[own] : 0;
  float2 sum = make_float2(0, 0);
#pragma unroll
  for (int n = 0; n < lagsOfWarp; ++n) {
    const int lag = 1 + warp + n * warps;
    if (column >= step.stride || lag > newest) continue;
    const float2 tap = loadTwo(z.taps + std::size_t(lag) * step.stride + column);
    const float2 u = loadTwo(slot - std::size_t(lag) * step.stride + column);
    sum.x = fmaf(tap.x, u.x, sum.x);
    sum.y = fmaf(tap.y, u.y, sum.y);
  }
  parts[warp][2 * lane] = sum.x;
  parts[warp][2 * lane + 1] = sum.y;
  __syncthreads();
  waitForPredecessor();
  if (!finishes) return;
  float gate, input, past = before;
  if constexpr (Few)
    gates.apply(gates.load(sequence), sequence, gate, input);
  else
    gateStep<T>(step, sequence, position, own, gate, input);
#pragma unroll
  for (int w = 0; w < warps; ++w) past += parts[w][threadIdx.x];
  slot[own] = input;
  static_cast<T*>(step.out)[std::size_t(sequence) * step.stride + own] = fromFloat<T>(gate * fmaf(direct, input, past));
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

template <class T>
struct Inputs {
  const T* rows;  // [sequences, tokens, stride]
  int tokens, stride;
  __device__ auto operator()(int sequence, int column) const {
    const T* from = rows + std::size_t(sequence) * tokens * stride + column;
    return [from, row = std::size_t(stride)](int i) { return toFloat(from[i * row]); };
  }
};

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
  addPrompt(prompt, Inputs<T>{static_cast<const T*>(prompt.out), prompt.tokens, prompt.stride}, z, where);
  launch(outputsKernel<T>, grid, 128, 0, where, prompt, z);
}

}  // namespace

void stepTiled(const MixerStep& step, const TiledView& z, Type type, const Launch& where) {
  const dim3 grid(blocksFor(static_cast<std::size_t>(step.stride), channels), static_cast<unsigned>(step.batch));
  const auto go = [&](auto kernel) { launch(kernel, grid, threads, 0, where, step, z); };
  if (Gates<float>::fit(step.shortFilter))
    type == Type::float32 ? go(stepKernel<float, true>) : go(stepKernel<Half, true>);
  else
    type == Type::float32 ? go(stepKernel<float, false>) : go(stepKernel<Half, false>);
}

void promptTiled(const MixerPrompt& prompt, const TiledView& z, Type type, const Launch& where) {
  type == Type::float32 ? promptAll<float>(prompt, z, where) : promptAll<Half>(prompt, z, where);
}

}  // namespace engine::cuda
