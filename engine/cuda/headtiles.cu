// The convolution in tiles, of MultiHyena's heads: the entries of k v^T have slots as channels have in tiled.cu.
#include "engine/cuda/convolve.cuh"
#include "engine/cuda/heads.cuh"

namespace engine::cuda {
namespace {

// Few for small matrices, so that none is idle. By the head width alone, as the order of sums.
unsigned threadsOf(int headWidth) {
  const int entries = (headWidth * headWidth + 31) / 32 * 32;
  return static_cast<unsigned>(entries < 64 ? 64 : entries < headThreads ? entries : headThreads);
}

// done(j, sum over i of query[i] entry(i, j)) for every j; each entry is asked for once. shared: [blockDim.x].
template <class Entry, class Done>
__device__ inline void contract(int size, const float* query, float* shared, const Entry& entry, const Done& done) {
  const int threads = blockDim.x, across = min(size, threads), parts = threads / across;
  const int part = threadIdx.x / across, inside = threadIdx.x % across;
  for (int j0 = 0; j0 < size; j0 += across) {
    const int j = j0 + inside;
    float sum = 0;
    if (part < parts && j < size)
      for (int i = part; i < size; i += parts) sum = fmaf(query[i], entry(i, j), sum);
    shared[threadIdx.x] = sum;
    __syncthreads();
    if (part == 0 && j < size) {
      float all = 0;
      for (int p = 0; p < parts; ++p) all += shared[p * across + inside];
      done(j, all);
    }
    __syncthreads();
  }
}

template <class T>
__global__ __launch_bounds__(headThreads) void stepKernel(MixerStep step, HeadsView h, TiledView z) {
  __shared__ float products[headThreads], recent[2 * tileRows];
  extern __shared__ float rows[];  // q, k, v, each [head width]
  letSuccessorStart();
  waitForPredecessor();
  const int head = blockIdx.x, sequence = blockIdx.y, size = h.headWidth, position = step.control->position;
  const int newest = newestInputs(*step.control, z.lags);
  const std::size_t columns = z.columns;
  float* slots = z.slots + (std::size_t(sequence) * z.capacity + position) * columns + std::size_t(head) * z.entries;
  for (int c = threadIdx.x; c < size; c += blockDim.x) {
    float y[3];
    headInputs<T>(step, sequence, position, head * size + c, y);
    rows[c] = y[0], rows[size + c] = y[1], rows[2 * size + c] = y[2];
  }
  for (int lag = threadIdx.x; lag <= newest; lag += blockDim.x) recent[lag] = z.taps[std::size_t(head) * z.lags + lag];
  __syncthreads();
  T* out = static_cast<T*>(step.out) + std::size_t(sequence) * step.stride + head * size;
  contract(
      size, rows, products,
      [&](int i, int j) {
        float* slot = slots + i * size + j;
        float past = *slot;
#pragma unroll 8
        for (int lag = 1; lag <= newest; ++lag) past = fmaf(recent[lag], *(slot - lag * columns), past);
        const float input = rows[size + i] * rows[2 * size + j];
        *slot = input;
        return fmaf(recent[0], input, past);
      },
      [&](int j, float y) { out[j] = fromFloat<T>(y); });
}

// Keys and values of a prompt's piece.
template <class T>
__global__ void rowsKernel(MixerPrompt prompt, int width, T* keys, T* values) {
  letSuccessorStart();
  waitForPredecessor();
  const int column = blockIdx.x * blockDim.x + threadIdx.x, t = blockIdx.y;
  if (column >= width) return;
  const int sequence = prompt.firstSequence + blockIdx.z;
  const std::size_t row0 = std::size_t(blockIdx.z) * prompt.tokens, at = (row0 + t) * prompt.stride + column;
  keys[at] = fromFloat<T>(shortPrompt<T>(prompt, sequence, t, 1, column, row0));
  values[at] = fromFloat<T>(shortPrompt<T>(prompt, sequence, t, 2, column, row0));
}

template <class T>
struct Products {
  const T *keys, *values;  // [sequences, tokens, stride]
  int tokens, stride, headWidth;
  __device__ auto operator()(int sequence, int column) const {
    const int entries = headWidth * headWidth, head = column / entries, entry = column % entries;
    const std::size_t first = std::size_t(sequence) * tokens * stride + head * headWidth;
    const T *key = keys + first + entry / headWidth, *value = values + first + entry % headWidth;
    return [key, value, row = std::size_t(stride)](int i) { return toFloat(key[i * row]) * toFloat(value[i * row]); };
  }
};

template <class T>
__global__ __launch_bounds__(headThreads) void outputsKernel(MixerPrompt prompt, HeadsView h, TiledView z) {
  __shared__ float products[headThreads];
  extern __shared__ float query[];
  letSuccessorStart();
  waitForPredecessor();
  const int head = blockIdx.x, t = blockIdx.y, sequence = prompt.firstSequence + blockIdx.z, size = h.headWidth;
  const std::size_t row0 = std::size_t(blockIdx.z) * prompt.tokens;
  for (int c = threadIdx.x; c < size; c += blockDim.x)
    query[c] = shortPrompt<T>(prompt, sequence, t, 0, head * size + c, row0);
  __syncthreads();
  const float* sums =
      z.slots + (std::size_t(sequence) * z.capacity + prompt.position + t) * z.columns + std::size_t(head) * z.entries;
  T* out = static_cast<T*>(prompt.out) + (row0 + t) * prompt.stride + head * size;
  contract(
      size, query, products, [&](int i, int j) { return sums[i * size + j]; },
      [&](int j, float y) { out[j] = fromFloat<T>(y); });
}

template <class T>
void stepAll(const MixerStep& step, const HeadsView& h, const TiledView& z, const Launch& where) {
  launch(stepKernel<T>, dim3(static_cast<unsigned>(h.heads), static_cast<unsigned>(step.batch)), threadsOf(h.headWidth),
         std::size_t(3) * h.headWidth * sizeof(float), where, step, h, z);
}

template <class T>
void promptAll(const MixerPrompt& prompt, const HeadsView& h, const TiledView& z, T* keys, const Launch& where) {
  const int width = h.heads * h.headWidth;
  const auto tokens = static_cast<unsigned>(prompt.tokens), sequences = static_cast<unsigned>(prompt.sequences);
  T* values = static_cast<T*>(prompt.out);  // until the outputs come
  launch(rowsKernel<T>, dim3(blocksFor(static_cast<std::size_t>(width), 128), tokens, sequences), 128, 0, where, prompt,
         width, keys, values);
  addPrompt(prompt, Products<T>{keys, values, prompt.tokens, prompt.stride, h.headWidth}, z, where);
  launch(outputsKernel<T>, dim3(static_cast<unsigned>(h.heads), tokens, sequences), threadsOf(h.headWidth),
         h.headWidth * sizeof(float), where, prompt, h, z);
}

}  // namespace

void stepHeadTiles(const MixerStep& step, const HeadsView& h, const TiledView& z, Type type, const Launch& where) {
  type == Type::float32 ? stepAll<float>(step, h, z, where) : stepAll<Half>(step, h, z, where);
}

void promptHeadTiles(const MixerPrompt& prompt, const HeadsView& h, const TiledView& z, void* keys, Type type,
                     const Launch& where) {
  type == Type::float32 ? promptAll(prompt, h, z, static_cast<float*>(keys), where)
                        : promptAll(prompt, h, z, static_cast<Half*>(keys), where);
}

}  // namespace engine::cuda
