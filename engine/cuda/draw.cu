// Sampling where the logits lie, with the noise of engine/sampling.h.
#include "engine/cuda/candidate.cuh"
#include "engine/cuda/device.cuh"

namespace engine::cuda {
namespace {

constexpr int threads = 256;

// Philox4x32-10 (Salmon et al. 2011), word id % 4 of counter (id / 4, position, sequence, 0).
__device__ std::uint32_t noiseWord(std::uint64_t seed, std::uint32_t id, std::uint32_t position,
                                   std::uint32_t sequence) {
  std::uint32_t c0 = id / 4, c1 = position, c2 = sequence, c3 = 0;
  std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const std::uint32_t firstHigh = __umulhi(0xD2511F53u, c0), firstLow = 0xD2511F53u * c0;
    const std::uint32_t secondHigh = __umulhi(0xCD9E8D57u, c2), secondLow = 0xCD9E8D57u * c2;
    c0 = secondHigh ^ c1 ^ k0, c1 = secondLow, c2 = firstHigh ^ c3 ^ k1, c3 = firstLow;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  const std::uint32_t word = id % 4;
  return word < 2 ? (word == 0 ? c0 : c1) : (word == 2 ? c2 : c3);
}

// Larger score, or the lower id of equal scores.
template <class Score>
__device__ void keepBetter(Score& score, int& id, Score otherScore, int otherId) {
  if (otherScore > score || (otherScore == score && otherId < id)) score = otherScore, id = otherId;
}

template <class Score>
__device__ void reduceBest(Score& score, int& id) {
  __shared__ Score scores[threads / 32];
  __shared__ int ids[threads / 32];
  for (int offset = 16; offset > 0; offset /= 2) {
    const Score other = __shfl_xor_sync(0xffffffffu, score, offset);
    const int otherId = __shfl_xor_sync(0xffffffffu, id, offset);
    keepBetter(score, id, other, otherId);
  }
  if (threadIdx.x % 32 == 0) scores[threadIdx.x / 32] = score, ids[threadIdx.x / 32] = id;
  __syncthreads();
  if (threadIdx.x == 0)
    for (int w = 1; w < threads / 32; ++w) keepBetter(score, id, scores[w], ids[w]);
}

// The best of each part of the vocabulary. Scores in double like the CPU's; float for greedy, where they are logits.
template <class Score>
__global__ void bestOfParts(Drawing d) {
  letSuccessorStart();
  waitForPredecessor();
  const int sequence = blockIdx.y, part = blockIdx.x;
  const float* logits = d.logits + std::size_t(sequence) * d.stride;
  const int size = (d.vocabulary + drawingParts - 1) / drawingParts;
  const int first = part * size, last = min(first + size, d.vocabulary);
  const int position = d.control->position;
  const std::uint64_t least = d.thresholds ? d.thresholds[sequence] : 0;
  Score best = -INFINITY;
  int bestId = 0x7fffffff;
  bool finite = true;
  for (int id = first + static_cast<int>(threadIdx.x); id < last; id += threads) {
    const float logit = logits[id];
    finite = finite && isfinite(logit);
    if (least > 0 && candidateOf(logit, id) < least) continue;
    Score score = logit;
    if (sizeof(Score) == sizeof(double)) {
      const double uniform = (noiseWord(d.seed, id, position, sequence) + 0.5) * 0x1p-32;
      score = static_cast<Score>(logit / d.temperature - log(-log(uniform)));
    }
    keepBetter(best, bestId, score, id);
  }
  if (!finite) atomicMax(&d.control->nonFinite, 1 + sequence);
  reduceBest(best, bestId);
  if (threadIdx.x == 0) {
    reinterpret_cast<Score*>(d.scores)[sequence * drawingParts + part] = best;
    d.best[sequence * drawingParts + part] = bestId;
  }
}

template <class Score>
__global__ void bestOfAll(Drawing d) {
  letSuccessorStart();
  waitForPredecessor();
  const int sequence = blockIdx.x * blockDim.x + threadIdx.x;
  if (sequence >= d.batch) return;
  const Score* scores = reinterpret_cast<const Score*>(d.scores) + sequence * drawingParts;
  const std::int32_t* ids = d.best + sequence * drawingParts;
  Score score = scores[0];
  int id = ids[0];
  for (int part = 1; part < drawingParts; ++part) keepBetter(score, id, scores[part], ids[part]);
  if (id < 0 || id >= d.vocabulary) id = 0;  // every logit was NaN: reported through control->nonFinite
  d.next[sequence] = id;
  if (d.kept) d.kept[std::size_t(d.control->position % d.row) * d.batch + sequence] = id;
}

__global__ void advanceKernel(Control* control) {
  letSuccessorStart();
  waitForPredecessor();
  ++control->position;
}

}  // namespace

void draw(const Drawing& drawing, const Launch& where) {
  const dim3 parts(drawingParts, static_cast<unsigned>(drawing.batch));
  if (drawing.thresholds) restrictDrawing(drawing, where);
  const dim3 all(blocksFor(static_cast<std::size_t>(drawing.batch), 32));
  if (drawing.temperature == 0) {
    launch(bestOfParts<float>, parts, threads, 0, where, drawing);
    launch(bestOfAll<float>, all, 32, 0, where, drawing);
  } else {
    launch(bestOfParts<double>, parts, threads, 0, where, drawing);
    launch(bestOfAll<double>, all, 32, 0, where, drawing);
  }
}

void advance(Control* control, const Launch& where) {
  launch(advanceKernel, 1, 1, 0, where, control);
}

}  // namespace engine::cuda
