// Top-k and top-p: the least likely token that may be drawn, for each sequence. Candidates are numbers that grow with
// the logit and, among equal logits, with a lower id; the threshold is found digit by digit, from counts or from sums of
// weights per digit. Weights are integers, so that sums do not depend on their order. Their unit is 2^-47 of the
// likeliest token's for a vocabulary of 50,000: a sum that close to top-p may be cut differently by engine/sampling.cpp.
#include "engine/cuda/candidate.cuh"
#include "engine/cuda/device.cuh"

namespace engine::cuda {
namespace {

constexpr int threads = 1024;
constexpr int warps = threads / 32;
constexpr int mostBits = 11;
constexpr int bins = 1 << mostBits;

// Digits of a candidate, the logit's and then the id's.
struct Digit {
  int shift, bits;
};
__constant__ constexpr Digit digits[] = {{53, 11}, {42, 11}, {32, 10}, {22, 10}, {11, 11}, {0, 11}};
constexpr int digitCount = 6;

struct Shared {
  std::uint64_t sums[bins];
  std::uint64_t ofThread[threads], ofWarp[warps];
  std::uint64_t before;  // what is above the chosen digit
  int chosen;
  float most[warps];
};

// Adds the amounts of neighbours that have the same digit together before they meet in memory.
__device__ inline void addAmount(std::uint64_t* sums, bool counts, int digit, std::uint64_t amount) {
  const unsigned active = __ballot_sync(0xffffffffu, counts);
  if (!counts) return;
  const unsigned same = __match_any_sync(active, digit);
  std::uint64_t total = 0;
  for (unsigned rest = same; rest != 0; rest &= rest - 1) total += __shfl_sync(same, amount, __ffs(rest) - 1);
  if (static_cast<int>(threadIdx.x) % 32 == __ffs(same) - 1)
    atomicAdd(reinterpret_cast<unsigned long long*>(sums + digit), static_cast<unsigned long long>(total));
}

__device__ inline std::uint64_t warpTotal(std::uint64_t x) {
  for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(0xffffffffu, x, offset);
  return x;
}

// The largest threshold whose candidates from `least` on reach what reached(sum) asks for; amount(candidate) > 0 for
// at least one of them. All threads of the block take part and get the result.
template <class Amount, class Reached>
__device__ std::uint64_t select(Shared& shared, const float* logits, int vocabulary, std::uint64_t least,
                                const Amount& amount, Reached reached) {
  std::uint64_t prefix = 0, above = 0;
  for (int d = 0; d < digitCount; ++d) {
    const int shift = digits[d].shift, count = 1 << digits[d].bits;
    for (int i = threadIdx.x; i < bins; i += threads) shared.sums[i] = 0;
    __syncthreads();
    for (int first = 0; first < vocabulary; first += threads) {
      const int id = first + static_cast<int>(threadIdx.x);
      std::uint64_t candidate = 0;
      bool counts = id < vocabulary;
      if (counts) {
        candidate = candidateOf(logits[id], id);
        counts = candidate >= least && (d == 0 || candidate >> (shift + digits[d].bits) == prefix);
      }
      addAmount(shared.sums, counts, static_cast<int>(candidate >> shift) & (count - 1), counts ? amount(candidate) : 0);
    }
    __syncthreads();
    // From the largest digit down: each thread has a share; one looks for the warp, the share and the digit.
    constexpr int each = bins / threads;
    std::uint64_t own = 0;
    for (int i = 0; i < each; ++i) own += shared.sums[bins - 1 - (threadIdx.x * each + i)];
    shared.ofThread[threadIdx.x] = own;
    own = warpTotal(own);
    if (threadIdx.x % 32 == 0) shared.ofWarp[threadIdx.x / 32] = own;
    __syncthreads();
    if (threadIdx.x == 0) {
      std::uint64_t sum = above;
      int warp = 0;
      while (warp < warps - 1 && !reached(sum + shared.ofWarp[warp])) sum += shared.ofWarp[warp++];
      int share = 32 * warp;
      while (share < 32 * warp + 31 && !reached(sum + shared.ofThread[share])) sum += shared.ofThread[share++];
      int digit = bins - 1 - share * each;
      while (digit > 0 && !reached(sum + shared.sums[digit])) sum += shared.sums[digit--];
      shared.chosen = digit;
      shared.before = sum;
    }
    __syncthreads();
    above = shared.before;
    const int chosen = shared.chosen;
    const std::uint64_t here = shared.sums[chosen];
    __syncthreads();
    prefix = prefix << digits[d].bits | static_cast<std::uint64_t>(chosen);
    // A logit that only one candidate has needs no look at ids.
    if (d == 2 && here == amount(prefix << 32)) return max(least, prefix << 32);
  }
  return prefix;
}

__global__ __launch_bounds__(threads) void restrictKernel(Drawing d) {
  __shared__ Shared shared;
  letSuccessorStart();
  waitForPredecessor();
  const float* logits = d.logits + std::size_t(blockIdx.x) * d.stride;
  std::uint64_t least = 0;
  if (d.topK > 0 && d.topK < d.vocabulary) {
    const auto k = static_cast<std::uint64_t>(d.topK);
    least = select(shared, logits, d.vocabulary, 0, [](std::uint64_t) { return std::uint64_t{1}; },
                   [k](std::uint64_t sum) { return sum >= k; });
  }
  if (d.topP < 1) {
    float most = -INFINITY;
    for (int id = threadIdx.x; id < d.vocabulary; id += threads) most = fmaxf(most, logits[id]);
    for (int offset = 16; offset > 0; offset /= 2) most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, offset));
    if (threadIdx.x % 32 == 0) shared.most[threadIdx.x / 32] = most;
    __syncthreads();
    for (int w = 0; w < warps; ++w) most = fmaxf(most, shared.most[w]);
    const double largest = most / d.temperature;
    const double one = ldexp(1.0, __clz(d.vocabulary) + 31);  // even if all are as likely as the likeliest
    const auto weight = [&](std::uint64_t candidate) {
      const double w = one * exp(logitOf(candidate) / d.temperature - largest);
      return w > 0 ? static_cast<std::uint64_t>(w + 0.5) : 0;  // not a number: reported by the drawing
    };
    std::uint64_t sum = 0;
    for (int id = threadIdx.x; id < d.vocabulary; id += threads) {
      const std::uint64_t candidate = candidateOf(logits[id], id);
      if (candidate >= least) sum += weight(candidate);
    }
    sum = warpTotal(sum);
    if (threadIdx.x % 32 == 0) shared.ofWarp[threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0;
    for (int w = 0; w < warps; ++w) sum += shared.ofWarp[w];
    const double wanted = d.topP * static_cast<double>(sum);
    least = select(shared, logits, d.vocabulary, least, weight,
                   [wanted](std::uint64_t total) { return static_cast<double>(total) >= wanted; });
  }
  if (threadIdx.x == 0) d.thresholds[blockIdx.x] = least;
}

}  // namespace

void restrictDrawing(const Drawing& drawing, const Launch& where) {
  launch(restrictKernel, static_cast<unsigned>(drawing.batch), threads, 0, where, drawing);
}

}  // namespace engine::cuda
