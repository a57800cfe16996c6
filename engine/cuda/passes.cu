// Operators with several long convolutions one after the other: Hyena of a higher order, H3. What a mixer's kernels take
// of one of them, in the layout of their streams: its gate, one, and what enters its filter.
#include "engine/cuda/device.cuh"

namespace engine::cuda {
namespace {

constexpr int threads = 128;

// Stream `stream` after the short filter, for token t of row's sequence.
template <class T>
__device__ inline float filtered(const PassView& p, std::size_t row, int sequence, int t, int position, int stream,
                                 int channel) {
  const int columns = p.streams * p.stride, column = stream * p.stride + channel, slots = p.shortFilter.taps - 1;
  const T* newest = static_cast<const T*>(p.projected) + row * columns + column;
  const T* history = static_cast<const T*>(p.shortFilter.history) + std::size_t(sequence) * slots * columns + column;
  float y = p.shortFilter.bias[column] + p.shortFilter.weight[column] * toFloat(*newest);
  for (int lag = 1; lag <= slots; ++lag) {
    float past = 0;
    if (lag <= t)
      past = toFloat(*(newest - std::size_t(lag) * columns));
    else if (position + t - lag >= 0)
      past = toFloat(history[std::size_t((position + t - lag) % slots) * columns]);
    y += p.shortFilter.weight[std::size_t(lag) * columns + column] * past;
  }
  return y;
}

template <class T>
__global__ void passKernel(PassView p, int pass) {
  letSuccessorStart();
  waitForPredecessor();
  const int channel = blockIdx.x * threads + threadIdx.x, wide = streamColumns(p.stride) / 3;
  if (channel >= wide) return;
  const std::size_t row = blockIdx.y;
  const int t = blockIdx.y % p.tokens, sequence = p.firstSequence + blockIdx.y / p.tokens;
  const int position = p.control ? p.control->position : p.position;
  float gate = 0, input = 0;
  if (channel < p.stride) {
    const auto stream = [&](int s) { return filtered<T>(p, row, sequence, t, position, s, channel); };
    gate = stream(p.passes - 1 - pass);
    if (pass > 0)
      input = toFloat(static_cast<const T*>(p.mixed)[row * p.stride + channel]);
    else
      input = p.firstGate ? stream(p.streams - 2) * stream(p.streams - 1) : stream(p.streams - 1);
  }
  T* to = static_cast<T*>(p.passed) + row * streamColumns(p.stride) + streamColumn(0, channel);
  to[0] = fromFloat<T>(gate);
  to[streamChannels] = fromFloat<T>(channel < p.stride ? 1.0F : 0.0F);
  to[2 * streamChannels] = fromFloat<T>(input);
}

// The last inputs of the short filter, as many as the piece has.
template <class T>
__global__ void keepKernel(PassView p) {
  letSuccessorStart();
  waitForPredecessor();
  const int columns = p.streams * p.stride, slots = p.shortFilter.taps - 1;
  const int column = blockIdx.x * threads + threadIdx.x, t = p.tokens - 1 - static_cast<int>(blockIdx.y);
  if (column >= columns || t < 0) return;
  const int sequence = p.firstSequence + blockIdx.z, position = p.control ? p.control->position : p.position;
  static_cast<T*>(p.shortFilter.history)[(std::size_t(sequence) * slots + (position + t) % slots) * columns + column] =
      static_cast<const T*>(p.projected)[(std::size_t(blockIdx.z) * p.tokens + t) * columns + column];
}

__global__ void identityKernel(float* weight, float* bias, int columns) {
  const int i = blockIdx.x * threads + threadIdx.x;
  if (i < columns) weight[i] = 1, bias[i] = 0;
}

}  // namespace

void identityFilter(float* weight, float* bias, int columns, const Launch& where) {
  launch(identityKernel, blocksFor(static_cast<std::size_t>(columns), threads), threads, 0, where, weight, bias, columns);
}

void beginPass(const PassView& p, int pass, Type type, const Launch& where) {
  const dim3 grid(blocksFor(static_cast<std::size_t>(streamColumns(p.stride)) / 3, threads),
                  static_cast<unsigned>(p.sequences * p.tokens));
  type == Type::float32 ? launch(passKernel<float>, grid, threads, 0, where, p, pass)
                        : launch(passKernel<Half>, grid, threads, 0, where, p, pass);
}

void keepPassHistory(const PassView& p, Type type, const Launch& where) {
  if (p.shortFilter.taps == 1) return;
  const dim3 grid(blocksFor(static_cast<std::size_t>(p.streams) * p.stride, threads),
                  static_cast<unsigned>(p.shortFilter.taps - 1), static_cast<unsigned>(p.sequences));
  type == Type::float32 ? launch(keepKernel<float>, grid, threads, 0, where, p)
                        : launch(keepKernel<Half>, grid, threads, 0, where, p);
}

}  // namespace engine::cuda
