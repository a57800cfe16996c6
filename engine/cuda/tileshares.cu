// What a token does for later outputs of the tiled convolution, see tiled.h: for all convolutions of a model in one
// launch, of few blocks of threads, since a step runs beside it. Work is counted in tokens since the prompt.
#include "engine/cuda/convolve.cuh"

namespace engine::cuda {
namespace {

constexpr int warps = 8;
constexpr int threads = 32 * warps;
constexpr int farRows = warps * side;  // of a block: the same inputs for all of them
static_assert(tileWindow % farRows == 0);

// addInputs() from memory: nearly always whole tiles of inputs whose every lag the filter has.
__device__ inline void addSlots(float (&sums)[side], int out, int begin, int end, const TapColumn& tap,
                                const float* slots, std::size_t columns) {
  if (begin >= end) return;
  if ((end - begin) % side != 0 || out < end || out + side - begin > tap.lags)
    return addInputs(sums, out, begin, end, tap, [=](int i) { return slots[i * columns]; });
  const float* taps = tap.first + (out - begin) * tap.step;
  const float* inputs = slots + begin * columns;
  float window[2 * side - 1];
#pragma unroll
  for (int i = 0; i < 2 * side - 1; ++i) window[i] = *(taps + (i - (side - 1)) * static_cast<std::ptrdiff_t>(tap.step));
  for (int first = begin;;) {
#pragma unroll
    for (int j = 0; j < side; ++j) {
      const float u = inputs[j * columns];
#pragma unroll
      for (int i = 0; i < side; ++i) sums[i] = fmaf(window[i - j + side - 1], u, sums[i]);
    }
    if ((first += side) == end) return;
    inputs += side * columns;
    taps -= side * tap.step;
#pragma unroll
    for (int i = 2 * side - 2; i >= side; --i) window[i] = window[i - side];
#pragma unroll
    for (int i = 0; i < side; ++i) window[i] = *(taps + (i - (side - 1)) * static_cast<std::ptrdiff_t>(tap.step));
  }
}

// A column of 32 of one convolution of one sequence, in one place for each lane.
struct Columns {
  float* slots;  // of the first token after the prompt
  std::size_t stride;
  TapColumn tap;
  int done, left;  // tokens since the prompt; outputs that are ever wanted
  bool valid;
  __device__ Columns(const TiledOperators& all, const TiledView& z, const Control& control, int sequence, int op,
                     int column)
      : slots(all.slots[op] + (std::size_t(sequence) * z.capacity + control.firstStep) * z.columns + column),
        stride(z.columns),
        tap(z, all.taps[op], min(column, z.columns - 1)),
        done(control.position - control.firstStep),
        left(z.capacity - control.firstStep),
        valid(column < z.columns) {}
};

// The outputs after the running ones, whole: the warps share the inputs. All threads of the block take part.
__device__ inline void addNear(const Columns& c, float (&parts)[warps][side][32]) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int end = c.done / tileRows * tileRows, row = end + tileRows;
  const int begin = max(0, row / tileWindow - 1) * tileWindow, tiles = (end - begin) / side;
  if (tiles == 0 || row >= c.left) return;
  const int from = begin + tiles * warp / warps * side, to = begin + tiles * (warp + 1) / warps * side;
  float sums[side] = {};
  if (c.valid) addSlots(sums, row, firstInput(from, row, c.tap.lags), to, c.tap, c.slots, c.stride);
#pragma unroll
  for (int i = 0; i < side; ++i) parts[warp][i][lane] = sums[i];
  __syncthreads();
  for (int i = warp; i < side; i += warps) {
    if (!c.valid || row + i >= c.left) continue;
    float sum = 0;
#pragma unroll
    for (int w = 0; w < warps; ++w) sum += parts[w][i][lane];
    c.slots[(row + i) * c.stride] += sum;
  }
  __syncthreads();
}

// Outputs of the next window: each warp has its own, the inputs are shared out in time.
__device__ inline void addFar(const Columns& c) {
  const int window = c.done / tileWindow, part = c.done % tileWindow, share = part % farRows;
  const int row = (window + 1) * tileWindow + (part / farRows * warps + static_cast<int>(threadIdx.x) / 32) * side;
  const int tiles = window * (tileWindow / side);
  const int from = tiles * share / farRows * side, to = tiles * (share + 1) / farRows * side;
  const int begin = firstInput(from, row, c.tap.lags);
  if (!c.valid || row >= c.left || begin >= to) return;
  float sums[side] = {};
  addSlots(sums, row, begin, to, c.tap, c.slots, c.stride);
#pragma unroll
  for (int i = 0; i < side; ++i)
    if (row + i < c.left) c.slots[(row + i) * c.stride] += sums[i];
}

// Columns take turns with what is near: tileRows tokens, one after the other, have all of them.
__global__ __launch_bounds__(threads, 2) void shareKernel(TiledOperators all, TiledView z, int batch,
                                                          const Control* control) {
  __shared__ float parts[warps][side][32];
  const Control now = *control;
  const int groups = (z.columns + 31) / 32, items = groups * all.count, turns = (items + tileRows - 1) / tileRows;
  const int turn = (now.position - now.firstStep) % tileRows, lane = threadIdx.x % 32;
  for (long long i = blockIdx.x; i < static_cast<long long>(batch) * (turns + items); i += gridDim.x) {
    const int sequence = static_cast<int>(i / (turns + items)), own = static_cast<int>(i % (turns + items));
    const bool near = own < turns;
    const int item = near ? own * tileRows + turn : own - turns;
    if (item >= items) continue;
    const Columns columns(all, z, now, sequence, item / groups, item % groups * 32 + lane);
    near ? addNear(columns, parts) : addFar(columns);
  }
}

}  // namespace

void advanceTiles(const TiledOperators& all, const TiledView& z, int batch, const Control* control,
                  const Launch& where) {
  // One block for each multiprocessor and sequence: the rest of it is for the step beside.
  constexpr std::size_t multiprocessors = 132;
  const std::size_t groups = static_cast<std::size_t>(z.columns + 31) / 32, items = groups * all.count;
  const std::size_t blocks = items < multiprocessors ? items : multiprocessors;
  launch(shareKernel, static_cast<unsigned>(blocks * batch), threads, 0, where, all, z, batch, control);
}

}  // namespace engine::cuda
