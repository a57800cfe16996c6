// What rows.cu does with its sums: biases, activation, residual stream, and the norm that products carry.
#pragma once

#include "engine/cuda/tiles.cuh"

namespace engine::cuda {

constexpr int groupThreads = 128;  // that multiply 64 outputs
constexpr int normLanes = 4;       // that add the parts of a row

// What a product has to do with a norm that is carried: nothing; its x is `scaled`; its outputs will be normed.
enum class Carried { no, before, after };

#if __CUDA_ARCH__ >= 900

// A lane's part of 8 rows of a tile's outputs, see multiplyTiles(). Neighbouring lanes exchange sums, so that each has two
// outputs next to each other: of row `row`, at `output` and 8 further on.
struct RowsPlace {
  int row, output;
  bool odd;
  __device__ explicit RowsPlace(int firstOutput) {
    const int thread = threadIdx.x, lane = thread % 32;
    odd = lane / 4 % 2;
    row = 2 * (lane % 4) + odd;
    output = firstOutput + thread / 32 * 16 + lane / 8 * 2;
  }
};
struct TwoPairs {
  float2 at[2];
};

__device__ inline bool wide(Finish finish) {
  return finish == Finish::add || finish == Finish::logits;
}

// Of the outputs of a place, of a vector as long as there are outputs, or zeros.
__device__ inline TwoPairs loadPairs(const float* from, const VectorProduct& p, const RowsPlace& place) {
  TwoPairs pairs{};
#pragma unroll
  for (int half = 0; half < 2; ++half)
    if (from && place.output + 8 * half < p.outputs) pairs.at[half] = loadTwo(from + place.output + 8 * half);
  return pairs;
}

// With what the shift of the norm before adds.
template <Carried Norm>
__device__ inline TwoPairs loadBias(const VectorProduct& p, const RowsPlace& place) {
  TwoPairs bias{};
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int o = place.output + 8 * half;
    if (!p.bias || o >= p.outputs) continue;
    bias.at[half] =
        wide(p.finish) ? loadTwo(static_cast<const float*>(p.bias) + o) : loadTwo(static_cast<const Half*>(p.bias) + o);
  }
  if (Norm == Carried::before) {
    const TwoPairs ofShift = loadPairs(p.carried.products + p.outputs, p, place);
#pragma unroll
    for (int half = 0; half < 2; ++half) bias.at[half].x += ofShift.at[half].x, bias.at[half].y += ofShift.at[half].y;
  }
  return bias;
}

// What the residual stream holds at rows 8 j on.
__device__ inline TwoPairs loadResidual(const VectorProduct& p, const RowsPlace& place, int j) {
  const int row = 8 * j + place.row;
  return p.finish == Finish::add && row < p.rows
             ? loadPairs(static_cast<const float*>(p.y) + std::size_t(row) * p.outputs, p, place)
             : TwoPairs{};
}
// What rows 8 j on are centred by.
__device__ inline float loadCentre(const VectorProduct& p, const RowsPlace& place, int j) {
  const int row = 8 * j + place.row;
  return p.carried.norm.shift && row < p.rows ? p.carried.centre[row] : 0.0F;
}

// Multiplier and multiplied offset of every row, from the parts of its sums; by one warp, in one order whatever the number
// of rows. All parts of usual widths are asked for at once. `moving`: this block moves the centres.
template <int Rows>
__device__ inline void gatherNorms(const CarriedNorm& c, int rows, bool moving, float2* to) {
  constexpr int together = 32 / normLanes, lines = Rows / together, ahead = 4;
  const int parts = carriedParts(c), pitch = carriedPitch(c), lane = threadIdx.x % normLanes;
  const int first = threadIdx.x % 32 / normLanes;
  float2 sums[lines] = {};
#pragma unroll 1
  for (int begin = 2 * lane; begin < parts; begin += 2 * normLanes * ahead) {
    float4 some[lines][ahead];
#pragma unroll
    for (int l = 0; l < lines; ++l)
#pragma unroll
      for (int k = 0; k < ahead; ++k) {
        const int row = first + l * together, part = begin + 2 * normLanes * k;
        some[l][k] = make_float4(0, 0, 0, 0);
        if (row < rows && part < parts) some[l][k] = *reinterpret_cast<const float4*>(c.sums + row * pitch + part);
        if (part + 1 >= parts) some[l][k].z = some[l][k].w = 0;  // behind the last part
      }
#pragma unroll
    for (int l = 0; l < lines; ++l)
#pragma unroll
      for (int k = 0; k < ahead; ++k)
        sums[l].x += some[l][k].x + some[l][k].z, sums[l].y += some[l][k].y + some[l][k].w;
  }
#pragma unroll
  for (int l = 0; l < lines; ++l) {
#pragma unroll
    for (int offset = 1; offset < normLanes; offset *= 2) {
      sums[l].x += __shfl_xor_sync(0xffffffffu, sums[l].x, offset);
      sums[l].y += __shfl_xor_sync(0xffffffffu, sums[l].y, offset);
    }
    const int row = first + l * together;
    if (lane > 0 || row >= rows) continue;
    const float offset = c.norm.shift ? sums[l].x / c.norm.width : 0.0F;
    const float multiplier = normMultiplier(c.norm, fmaxf(sums[l].y / c.norm.width - offset * offset, 0.0F));
    to[row] = make_float2(multiplier, multiplier * offset);
    if (moving && c.norm.shift) c.centre[row] += offset;
  }
}

// What threads know of their outputs before there are sums.
template <Carried Norm>
struct RowsKnown {
  TwoPairs bias;
  TwoPairs factors;  // of a norm before: W scale; of a norm to come: scale
  __device__ RowsKnown(const VectorProduct& p, const RowsPlace& place)
      : bias(loadBias<Norm>(p, place)),
        factors(loadPairs(Norm == Carried::before  ? p.carried.products
                          : Norm == Carried::after ? p.carried.norm.scale
                                                   : nullptr,
                          p, place)) {}
};

// Rows 8 j on. `norm`: of the thread's row. Returns what the row's outputs in this thread give to the norm to come.
template <Carried Norm>
__device__ inline float2 finishRows(const VectorProduct& p, const RowsPlace& place, int j, float4 sums,
                                    const RowsKnown<Norm>& known, const TwoPairs& before, float centre, float2 norm) {
  const int row = 8 * j + place.row;
  const float parts[4] = {sums.x, sums.y, sums.z, sums.w};
  float2 given = make_float2(0, 0);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float low = parts[2 * half], high = parts[2 * half + 1];
    const float mine = place.odd ? high : low;
    const float other = __shfl_xor_sync(0xffffffffu, place.odd ? low : high, 4);
    const int o = place.output + 8 * half;
    if (row >= p.rows || o >= p.outputs) continue;
    float2 sum = place.odd ? make_float2(other, mine) : make_float2(mine, other);
    const float2 factor = known.factors.at[half];
    if (Norm == Carried::before) sum.x = norm.x * sum.x - norm.y * factor.x, sum.y = norm.x * sum.y - norm.y * factor.y;
    sum.x += known.bias.at[half].x, sum.y += known.bias.at[half].y;
    const std::size_t at = std::size_t(row) * p.outputs + o;
    if (wide(p.finish)) {
      sum.x += before.at[half].x, sum.y += before.at[half].y;
      *reinterpret_cast<float2*>(static_cast<float*>(p.y) + at) = sum;
    } else {
      if (p.finish == Finish::gelu) sum = make_float2(gelu(sum.x), gelu(sum.y));
      *reinterpret_cast<unsigned*>(static_cast<Half*>(p.y) + at) = pack(sum.x, sum.y);
    }
    if (Norm != Carried::after) continue;
    const float x = o < p.carried.norm.width ? sum.x - centre : 0.0F;  // padding counts for nothing
    const float y = o + 1 < p.carried.norm.width ? sum.y - centre : 0.0F;
    *reinterpret_cast<unsigned*>(static_cast<Half*>(p.carried.scaled) + at) = pack(x * factor.x, y * factor.y);
    given.x += x + y, given.y += x * x + y * y;
  }
  return given;
}

// Adds over the outputs of a warp; the lanes below 8 keep the sums of their rows at to[row].
__device__ inline void addOutputs(float2 given, const RowsPlace& place, float2* to) {
#pragma unroll
  for (int offset = 8; offset < 32; offset *= 2) {
    given.x += __shfl_xor_sync(0xffffffffu, given.x, offset);
    given.y += __shfl_xor_sync(0xffffffffu, given.y, offset);
  }
  if (threadIdx.x % 32 < 8) to[place.row] = given;
}

// Among so many threads of the block, of which some do not wait.
template <int Threads>
__device__ inline void meet() {
  asm volatile("bar.sync 1, %0;" ::"n"(Threads) : "memory");
}
template <int Threads>
__device__ inline void meetLater() {
  asm volatile("bar.arrive 1, %0;" ::"n"(Threads) : "memory");
}

// The parts of rows [first, first + count) from those of the warps, [warps][pitch].
template <int Threads>
__device__ inline void writeParts(const VectorProduct& p, int firstOutput, int first, int count, const float2* from,
                                  int pitch) {
  const CarriedNorm& c = p.carried;
  const int parts = carriedParts(c);
  for (int i = threadIdx.x; i < count * (Threads / groupThreads); i += Threads) {
    const int row = i % count, group = i / count, part = firstOutput / tileOutputs + group;
    if (first + row >= p.rows || part >= parts) continue;
    const float2* own = from + 4 * group * pitch + row;
    const float2 a = own[0], b = own[pitch], d = own[2 * pitch], e = own[3 * pitch];
    c.sums[(first + row) * carriedPitch(c) + part] = make_float2((a.x + b.x) + (d.x + e.x), (a.y + b.y) + (d.y + e.y));
  }
}

#endif

}  // namespace engine::cuda
