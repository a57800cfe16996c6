// Linear layers for some dozens of rows: bound by reading the weights once. A block of threads multiplies a tile of
// outputs, or, in a cluster, its share of the inputs of one. The copy engine brings tiles of weights and rows some stages
// ahead, the first weights before the kernel in front of this one has ended. Sums are made in one order, whatever the
// number of rows. Norms between products are carried, see CarriedNorm.
#include "engine/cuda/rows.h"

#include "engine/cuda/rowsfinish.cuh"

namespace engine::cuda {
namespace {

constexpr int mostSharedBytes = 226 * 1024;  // of a multiprocessor

// One more warp than multiply asks for what is to come, another one gathers norms. Blocks: of a multiprocessor; with two
// the next kernel's can wait beside this one's.
template <int Outputs, int Rows, int Blocks, Carried Norm>
struct RowsLayout {
  static constexpr int multiplying = Outputs / tileOutputs * groupThreads;
  static constexpr int gathering = Norm == Carried::before ? 32 : 0, threads = multiplying + 32 + gathering;
  static constexpr int weightBytes = Outputs * lineBytes, bytes = weightBytes + Rows * lineBytes;
  static constexpr int stages = (mostSharedBytes / Blocks - swizzleBytes - 2048) / bytes;
  static constexpr int shared = stages * bytes + swizzleBytes;
  static constexpr int sumBytes = Rows * Outputs * 4, warps = multiplying / 32;
  // The sums go where the stages were, and behind them what they give to a norm.
  static_assert(sumBytes + warps * Rows * static_cast<int>(sizeof(float2)) <= stages * bytes);
};

#if __CUDA_ARCH__ >= 900

__device__ inline void arriveAtCluster() {
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}
__device__ inline void awaitCluster() {
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// From the shared memory of the block `rank` of the cluster.
__device__ inline float4 loadFrom(unsigned rank, unsigned address) {
  float4 value;
  asm volatile(
      "{ .reg .u32 there; mapa.shared::cluster.u32 there, %4, %5; ld.shared::cluster.v4.f32 {%0,%1,%2,%3}, [there]; }"
      : "=f"(value.x), "=f"(value.y), "=f"(value.z), "=f"(value.w)
      : "r"(address), "r"(rank)
      : "memory");
  return value;
}

#endif

// Block (rank, tile) of a cluster of `Ranks` has `Outputs` outputs, its share of the inputs and all rows.
template <int Outputs, int Rows, int Ranks, int Blocks, Carried Norm>
__global__ __launch_bounds__((RowsLayout<Outputs, Rows, Blocks, Norm>::threads), Blocks) void rowsKernel(
    const __grid_constant__ CUtensorMap weights, const __grid_constant__ CUtensorMap inputs, VectorProduct p) {
#if __CUDA_ARCH__ >= 900
  using Layout = RowsLayout<Outputs, Rows, Blocks, Norm>;
  constexpr int stages = Layout::stages, fetcher = Layout::multiplying / 32, eights = Rows / 8;
  extern __shared__ unsigned char memory[];
  __shared__ std::uint64_t barriers[2 * stages];  // filled, then emptied
  __shared__ float2 norms[Rows];
  letSuccessorStart();
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int rank = blockIdx.x, firstOutput = blockIdx.y * Outputs;
  const int all = (p.inputs + tileInputs - 1) / tileInputs;
  const int first = all * rank / Ranks, count = all * (rank + 1) / Ranks - first;
  const unsigned unaligned = sharedAddress(memory), tiles = unaligned + (-unaligned & (swizzleBytes - 1));
  const auto filled = [&](int stage) { return sharedAddress(barriers + stage); };
  const auto emptied = [&](int stage) { return sharedAddress(barriers + stages + stage); };

  std::uint64_t once = 0, often = 0;
  const auto fetchWeights = [&](int step, int stage) {
    expectBytes(filled(stage), Layout::bytes);
    loadTile(tiles + stage * Layout::bytes, &weights, (first + step) * tileInputs, firstOutput, filled(stage), once);
  };
  const auto fetchRows = [&](int step, int stage) {
    loadTile(tiles + stage * Layout::bytes + Layout::weightBytes, &inputs, (first + step) * tileInputs, 0,
             filled(stage), often);
  };
  const bool fetching = warp == fetcher && lane == 0;
  if (fetching) {
    for (int i = 0; i < 2 * stages; ++i) beginBarrier(sharedAddress(barriers + i), i < stages ? 1 : fetcher);
    publishBarriers();
    asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(once));
    asm volatile("createpolicy.fractional.L2::evict_last.b64 %0, 1.0;" : "=l"(often));
    for (int i = 0; i < min(stages, count); ++i) fetchWeights(i, i);
  }
  __syncthreads();  // the barriers are there
  if (warp >= fetcher) {
    if (Norm == Carried::before && warp > fetcher) {
      waitForPredecessor();
      gatherNorms<Rows>(p.carried, p.rows, rank == 0 && firstOutput == 0, norms);
      if (Ranks == 1) meetLater<Layout::multiplying + Layout::gathering>();
    }
    if (fetching) {
      waitForPredecessor();
      for (int i = 0; i < min(stages, count); ++i) fetchRows(i, i);
      RingPlace place;
      for (int i = stages; i < count; ++i) {
        awaitPhase(emptied(place.slot), place.phase);
        fetchWeights(i, place.slot);
        fetchRows(i, place.slot);
        place.step(stages);
      }
    }
    __syncwarp();
    if (Ranks == 1) return;
    __syncthreads();
    arriveAtCluster(), awaitCluster();
    arriveAtCluster(), awaitCluster();
    return;
  }

  const RowsPlace own(firstOutput);
  const RowsKnown<Norm> known(p, own);
  waitForPredecessor();
  // In a cluster a rank finishes some of the rows.
  constexpr int most = (eights + Ranks - 1) / Ranks;
  const int firstEight = eights * rank / Ranks, endEight = eights * (rank + 1) / Ranks;
  TwoPairs before[most];
  float centre[most];
#pragma unroll
  for (int i = 0; i < most; ++i) {
    before[i] = firstEight + i < endEight ? loadResidual(p, own, firstEight + i) : TwoPairs{};
    centre[i] = firstEight + i < endEight && Norm == Carried::after ? loadCentre(p, own, firstEight + i) : 0.0F;
  }

  float sums[Rows / 2] = {};
  RingPlace place;
  int last = 0;  // the stage that is being multiplied when the next one is asked for
  const int outputPart = warp / 4 * tileOutputs * lineBytes;
#pragma unroll 1
  for (int i = 0; i < count; ++i) {
    awaitPhase(filled(place.slot), place.phase);
    const unsigned weightTile = tiles + place.slot * Layout::bytes;
    const std::uint64_t a = describe(weightTile + outputPart), b = describe(weightTile + Layout::weightBytes);
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
    for (int k = 0; k < tileInputs / 16; ++k) multiplyTiles(sums, a + 2 * k, b + 2 * k);
    asm volatile("wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 1;" ::: "memory");
    if (i > 0 && lane == 0) arriveAt(emptied(last));
    last = place.slot;
    place.step(stages);
  }
  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
  const auto eight = [&](int j) { return make_float4(sums[4 * j], sums[4 * j + 1], sums[4 * j + 2], sums[4 * j + 3]); };
  // What the outputs of a warp give to the norm to come: [warps][rows of this rank].
  float2* const given = reinterpret_cast<float2*>(memory + (tiles - unaligned) + Layout::sumBytes);
  const auto finish = [&](int i, float4 sum) {
    const int j = firstEight + i;
    const float2 norm = Norm == Carried::before ? norms[8 * j + own.row] : float2{};
    const float2 part = finishRows(p, own, j, sum, known, before[i], centre[i], norm);
    if (Norm == Carried::after) addOutputs(part, own, given + (warp * most + i) * 8);
  };
  const auto finishNorm = [&] {
    if (Norm != Carried::after) return;
    meet<Layout::multiplying>();
    writeParts<Layout::multiplying>(p, firstOutput, 8 * firstEight, 8 * (endEight - firstEight), given, 8 * most);
  };
  if (Ranks == 1) {
    // Norms are there, stages are no longer read.
    if (Norm != Carried::no) meet<Layout::multiplying + Layout::gathering>();
#pragma unroll
    for (int j = 0; j < eights; ++j) finish(j % most, eight(j));
    return finishNorm();
  }

  // What this block sums, where the stages were: [eights][threads] of what a thread has.
  const auto partOf = [&](int j) { return tiles - unaligned + (j * Layout::multiplying + threadIdx.x) * 16; };
  __syncthreads();
#pragma unroll
  for (int j = 0; j < eights; ++j) *reinterpret_cast<float4*>(memory + partOf(j)) = eight(j);
  arriveAtCluster();
  awaitCluster();
  float4 parts[most][Ranks];
#pragma unroll
  for (int i = 0; i < most; ++i)
#pragma unroll
    for (int r = 0; r < Ranks; ++r)
      if (firstEight + i < endEight) parts[i][r] = loadFrom(r, unaligned + partOf(firstEight + i));
#pragma unroll
  for (int i = 0; i < most; ++i)
#pragma unroll
    for (int r = 1; r < Ranks; ++r)
      parts[i][0] = make_float4(parts[i][0].x + parts[i][r].x, parts[i][0].y + parts[i][r].y,
                                parts[i][0].z + parts[i][r].z, parts[i][0].w + parts[i][r].w);
  arriveAtCluster();
#pragma unroll
  for (int i = 0; i < most; ++i)
    if (firstEight + i < endEight) finish(i, parts[i][0]);
  finishNorm();
  awaitCluster();  // nobody leaves while others read
#endif
}

template <int Outputs, int Rows, int Ranks, int Blocks, Carried Norm>
void launchAs(const VectorProduct& p, const Launch& where) {
  using Layout = RowsLayout<Outputs, Rows, Blocks, Norm>;
  const CUtensorMap weights = tilesOf(p.weight, p.outputs, p.inputs, Outputs), rows = tilesOf(p.x, p.rows, p.inputs, Rows);
  launchClusters(rowsKernel<Outputs, Rows, Ranks, Blocks, Norm>, dim3(Ranks, blocksFor(p.outputs, Outputs)), Ranks,
                 Layout::threads, Layout::shared, where, weights, rows, p);
}

template <int Outputs, int Rows, int Ranks, int Blocks>
void launchRows(const VectorProduct& p, const Launch& where) {
  if (!p.carried.norm.scale) return launchAs<Outputs, Rows, Ranks, Blocks, Carried::no>(p, where);
  p.finish == Finish::add ? launchAs<Outputs, Rows, Ranks, Blocks, Carried::after>(p, where)
                          : launchAs<Outputs, Rows, Ranks, Blocks, Carried::before>(p, where);
}

constexpr int multiprocessors = 132;  // of the boards this is tuned for

// Blocks that divide the inputs of a tile: as many as there is work for. A matter of the shape alone, since sums depend on
// it.
int ranksOf(const VectorProduct& p) {
  const int tiles = static_cast<int>(blocksFor(static_cast<std::size_t>(p.outputs), tileOutputs));
  return tiles >= 90 ? 1 : tiles >= 45 ? 2 : 4;
}

// Wide tiles take fewer copies of the rows, narrow ones more multiprocessors.
template <int Rows>
void byRanks(const VectorProduct& p, const Launch& where) {
  const int ranks = ranksOf(p);
  if constexpr (Rows <= 16) {
    if (ranks == 1) return launchRows<64, Rows, 1, 2>(p, where);
    return ranks == 2 ? launchRows<64, Rows, 2, 2>(p, where) : launchRows<64, Rows, 4, 2>(p, where);
  } else {
    if (ranks == 4) return launchRows<128, Rows, 4, 1>(p, where);
    if (ranks == 2) return launchRows<128, Rows, 2, 1>(p, where);
    return p.outputs <= tileOutputs * multiprocessors ? launchRows<64, Rows, 1, 1>(p, where)
                                                      : launchRows<128, Rows, 1, 1>(p, where);
  }
}

}  // namespace

bool canMultiplyRows() {
  int device = 0, major = 0, minor = 0;
  checkLaunch(cudaGetDevice(&device));
  checkLaunch(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
  checkLaunch(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
  return major == 9 && minor == 0 && tileEncoder();
}

void multiplyRows(const VectorProduct& p, const Launch& where) {
  if (p.rows <= 16) return byRanks<16>(p, where);
  if (p.rows <= 32) return byRanks<32>(p, where);
  byRanks<64>(p, where);
}

}  // namespace engine::cuda
