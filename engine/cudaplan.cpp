#include "engine/cudaplan.h"

#include <algorithm>
#include <cstdint>

#include "engine/error.h"
#include "engine/runner.h"

namespace engine {
namespace {

using Size = std::size_t;

constexpr int promptRows = 8192;  // rows of one forward pass over prompts: enough for full matrix speed
constexpr int fewestLags = 64, mostSplits = 64;  // of blocks that share the lags of a convolution
constexpr int invariantLags = 512;  // of each of them, whatever the batch
constexpr int lazyPiece = 512;    // tokens of a piece when inputs are kept in a ring
constexpr Size libraryBytes = Size{32} << 20;
constexpr int multiprocessors = 132;  // of the boards this is tuned for; others run, a little less evenly

int padded(int width) {
  return (width + 7) / 8 * 8;
}
Size size(int count) {
  return static_cast<Size>(count);
}

class Arena {
 public:
  explicit Arena(Size& bytes) : m_bytes(bytes) {}
  CudaPart part(Size bytes) {
    const CudaPart made{m_bytes, bytes};
    m_bytes += (bytes + 255) / 256 * 256;
    return made;
  }

 private:
  Size& m_bytes;
};

bool hasHeads(const BlockShape& block) {
  return block.kind == BlockShape::Kind::multiHyena;
}
// Channels without a model of a block's convolution, of the one that has most.
int mostKept(const BlockShape& block) {
  int most = block.banks.empty() ? block.keptFilters : 0;
  for (const BankShape& bank : block.banks) most = std::max(most, bank.kept);
  return most;
}
bool attends(const BlockShape& block) {
  return block.kind == BlockShape::Kind::attention;
}
bool gated(const BlockShape& block, const Shape& shape) {
  return block.hiddenWidth > 0 ? block.hiddenWidth > shape.innerWidth : hasHeads(block);
}
int keyWidth(const BlockShape& block, const Shape& shape) {
  return block.keyValueWidth > 0 ? block.keyValueWidth : shape.width;
}

CudaWeights::Linear linear(Arena& arena, int inputs, int outputs, Size typeBytes, bool bias, bool normed = false) {
  CudaWeights::Linear made;
  made.inputs = inputs;
  made.outputs = outputs;
  made.weight = arena.part(size(inputs) * size(outputs) * typeBytes);
  if (bias) made.bias = arena.part(size(outputs) * sizeof(float));
  if (normed) made.normProducts = arena.part(2 * size(outputs) * sizeof(float));
  return made;
}

CudaSession::Lazy lazyOf(int stride, int lags, const Workload& workload) {
  using Lazy = CudaSession::Lazy;
  Lazy made;
  made.sequences = workload.batch == 1 ? 1 : workload.batch <= 16 ? 2 : 4;
  made.blocks = (stride + Lazy::channels - 1) / Lazy::channels *
                ((workload.batch + made.sequences - 1) / made.sequences);
  if (workload.batchInvariant)
    made.splits = std::clamp(lags / invariantLags, 1, mostSplits);
  else
    made.splits = std::clamp(3 * multiprocessors / made.blocks, 1, std::clamp(lags / fewestLags, 1, mostSplits));
  return made;
}

}  // namespace

int cudaPasses(const BlockShape& block) {
  return block.kind == BlockShape::Kind::hyena ? std::max(1, static_cast<int>(block.banks.size())) : 1;
}

int cudaPlainColumns(const BlockShape& block, const Shape& shape) {
  const int streams = block.streamWidth > 0 ? block.streamWidth / shape.width : shape.hyenaOrder + 1;
  return streams * padded(shape.width);
}

std::size_t cudaTypeBytes(const Workload& workload) {
  return workload.precision == Precision::float32 ? 4 : 2;
}

bool cudaCarriesNorms(const Shape& shape, const Workload& workload) {
  const auto between = [](const BlockShape& block) { return !hasHeads(block) && !block.parallel; };
  return workload.precision != Precision::float32 && std::all_of(shape.blocks.begin(), shape.blocks.end(), between);
}

CudaWeights cudaWeights(const Shape& shape, const Workload& workload) {
  CudaWeights plan;
  Arena arena(plan.bytes);
  const Size type = cudaTypeBytes(workload);
  const int stride = padded(shape.width), inner = padded(shape.innerWidth), vocabulary = padded(shape.vocabulary);
  const bool carried = cudaCarriesNorms(shape, workload);
  const auto norm = [&] {
    return CudaWeights::Norm{arena.part(size(stride) * sizeof(float)), arena.part(size(stride) * sizeof(float))};
  };
  for (const BlockShape& block : shape.blocks) {
    CudaWeights::Block& b = plan.blocks.emplace_back();
    const bool heads = hasHeads(block);
    const int streams = cudaPasses(block) > 1 ? cudaPlainColumns(block, shape) : cudaStreamColumns(shape.width);
    for (int i = 0; i < (heads ? 2 : 1); ++i) {
      CudaWeights::Mixer& mixer = b.mixers[size(i)];
      mixer.norm = norm();
      if (heads) mixer.innerNorm = norm();
      if (attends(block)) b.keyStride = padded(keyWidth(block, shape));
      mixer.in = linear(arena, stride, attends(block) ? stride + 2 * b.keyStride : streams, type, true, carried);
      mixer.out = linear(arena, stride, stride, type, true);
      if (attends(block)) continue;
      mixer.shortWeight = arena.part(size(shape.shortFilterTaps) * size(streams) * sizeof(float));
      mixer.shortBias = arena.part(size(streams) * sizeof(float));
    }
    b.mlpNorm = norm();
    b.mlpIn = linear(arena, stride, gated(block, shape) ? 2 * inner : inner, type, true, carried);
    b.mlpOut = linear(arena, inner, stride, type, true);
  }
  plan.embedding = linear(arena, stride, vocabulary, type, false, carried && shape.tiedHead);
  if (!shape.tiedHead) plan.head = linear(arena, stride, vocabulary, type, true, carried);
  plan.positions = arena.part(size(shape.positions) * size(stride) * sizeof(float));
  plan.finalNorm = norm();
  return plan;
}

CudaSession cudaSession(const Shape& shape, const Workload& workload) {
  CudaSession plan;
  Arena arena(plan.bytes);
  const Size type = cudaTypeBytes(workload);
  const Size batch = size(workload.batch), capacity = size(workload.capacityTokens);
  const Mixer mixer = workload.mode.mixer;
  plan.stride = padded(shape.width);
  plan.innerStride = padded(shape.innerWidth);
  plan.vocabularyStride = padded(shape.vocabulary);
  const Size stride = size(plan.stride), streams = size(cudaStreamColumns(shape.width));
  plan.pieceTokens = std::min(workload.capacityTokens, promptRows);
  bool heads = false, hyena = true, attention = false, narrow = true, kept = false, gates = false;
  Size widest = streams;  // of all projections
  for (const BlockShape& block : shape.blocks) {
    heads = heads || hasHeads(block);
    attention = attention || attends(block);
    gates = gates || gated(block, shape);
    kept = kept || (recurrent(mixer) && block.keptFilters > 0);
    hyena = hyena && block.kind == BlockShape::Kind::hyena && cudaPasses(block) == 1;
    if (cudaPasses(block) > 1) widest = std::max(widest, size(cudaPlainColumns(block, shape)));
  }
  if (kept || mixer == Mixer::convolutionLazy || mixer == Mixer::convolutionTiled) {
    int length = shape.filterLengthTokens;
    for (const BlockShape& block : shape.blocks)
      for (const BankShape& bank : block.banks) length = std::max(length, bank.length);
    if (shape.distilled && !kept) length = workload.capacityTokens;
    plan.lags = std::min(length, workload.capacityTokens);
    plan.ring = std::min(workload.capacityTokens, length + lazyPiece);
    if (plan.ring < workload.capacityTokens && mixer != Mixer::convolutionTiled)
      plan.pieceTokens = std::min(plan.pieceTokens, lazyPiece);
  }
  if (heads) plan.paddedHeadWidth = padded(shape.headWidth);
  if (attention && shape.heads > 0) {
    plan.paddedAttentionWidth = padded(shape.width / shape.heads);
    // Enough blocks for several waves, of at least 64 tokens each, and of some 1,000 for many waves, so that all end
    // together; batch-invariant: a fixed size.
    const int pairs = workload.batch * shape.heads;
    const auto splits = [&](int waves, int fewestTokens) {
      return std::clamp((waves * multiprocessors + pairs - 1) / pairs, 1,
                        (workload.capacityTokens + fewestTokens - 1) / fewestTokens);
    };
    narrow = plan.paddedAttentionWidth <= cudaNarrowHead;
    if (narrow) plan.splits = std::max(splits(4, 64), splits(32, 1024));
    if (narrow && workload.batchInvariant) {
      plan.splitTokens = 256;
      plan.splits = (workload.capacityTokens + 255) / 256;
    }
  }

  Size before = plan.bytes;
  const auto counted = [&](Size& category) {
    category += plan.bytes - before;
    before = plan.bytes;
  };
  for (const BlockShape& block : shape.blocks) {
    CudaSession::Block& b = plan.blocks.emplace_back();
    const bool modal = recurrent(mixer) && !attends(block), matrices = hasHeads(block);
    const bool tiled = mixer == Mixer::convolutionTiled && !attends(block);
    const Size operators = matrices ? 2 : size(cudaPasses(block)), headCount = size(shape.heads);
    const Size places = size(block.places), blockLength = size(workload.mode.blockLength);
    const Size coefficients = static_cast<Size>(block.tableFloats) - (modal ? 2 * places : 0);
    const Size headWidth = size(shape.headWidth), square = headWidth * headWidth;
    Size stateFloats = static_cast<Size>(block.stateFloats);
    if (matrices) stateFloats = stateFloats / square * headEntries(shape.headWidth);
    if (modal) {
      b.order = arena.part(places * sizeof(int));
      b.direct = arena.part(places * sizeof(float));
      b.coefficients = arena.part(coefficients * sizeof(float));
      b.groups = arena.part(places / 16 * 16);
      if (mixer == Mixer::modalBlocked) {
        b.powers = arena.part(coefficients / 3 * 2 * sizeof(float));  // a pair has 6 coefficients and 4 powers
        b.blockTaps = arena.part(places * blockLength * sizeof(float));
      }
      if (block.keptFilters > 0) {
        b.keptStride = padded(mostKept(block));
        b.keptChannels = arena.part(operators * size(b.keptStride) * sizeof(int));
        b.taps = arena.part(operators * size(plan.lags) * size(b.keptStride) * sizeof(float));
      }
    } else if (!attends(block)) {
      b.taps = arena.part(size(plan.lags) * operators * (matrices ? headCount : stride) * sizeof(float));
    }
    counted(plan.tableBytes);
    if (!attends(block))
      b.history = arena.part(batch * size(shape.shortFilterTaps - 1) * type *
                             (cudaPasses(block) > 1 ? size(cudaPlainColumns(block, shape)) : operators * streams));
    if (modal) {
      b.state = arena.part(batch * stateFloats * sizeof(float));
      if (mixer == Mixer::modalBlocked) {
        const Size rows = batch * blockLength * (matrices ? operators * headCount : places);
        b.responses = arena.part(rows * (matrices ? square : 1) * sizeof(float));
        b.inputs = arena.part(rows * (matrices ? 2 * headWidth : 1) * type);
      }
    }
    counted(plan.stateBytes);
    if (attends(block)) {
      const Size keyHeads = headCount * size(keyWidth(block, shape)) / size(shape.width);
      const Size bytes = batch * keyHeads * capacity * size(plan.paddedAttentionWidth) * type;
      b.cache = arena.part(bytes);
      b.values = arena.part(bytes);
    } else if (tiled) {
      b.cache = arena.part(operators * batch * capacity * (matrices ? headCount * square : stride) * sizeof(float));
    } else if (modal) {
      b.cache = arena.part(operators * batch * size(plan.ring) * size(b.keptStride) * type);
    } else {
      b.cache = arena.part(operators * batch * size(plan.ring) * type *
                           (matrices ? headCount * 2 * size(plan.paddedHeadWidth) : stride));
    }
    counted(plan.cacheBytes);
  }
  const Size prompt = std::min(size(promptRows), batch * capacity);
  plan.rows = static_cast<int>(std::max({prompt, batch, size(plan.pieceTokens)}));
  const Size rows = size(plan.rows);
  plan.keptSteps = Runner::stepsAtOnce * static_cast<int>(Runner::mostBegun);
  plan.residual = arena.part(rows * stride * sizeof(float));
  plan.normed = arena.part(rows * stride * type);
  plan.streams = arena.part(rows * widest * type);
  plan.mixed = arena.part(rows * stride * type);
  if (widest > streams || std::any_of(shape.blocks.begin(), shape.blocks.end(),
                                      [](const BlockShape& block) { return cudaPasses(block) > 1; })) {
    plan.passed = arena.part(rows * streams * type);
    plan.identity = arena.part(2 * streams * sizeof(float));
  }
  plan.hidden = arena.part(rows * size(plan.innerStride) * (gates ? 2 : 1) * type);
  if (gates) plan.gated = arena.part(rows * size(plan.innerStride) * type);
  plan.logits = arena.part(batch * size(plan.vocabularyStride) * sizeof(float));
  plan.scores = arena.part(batch * 16 * sizeof(double));
  plan.best = arena.part(batch * 16 * sizeof(int));
  if (restricts(workload.sampling)) plan.thresholds = arena.part(batch * sizeof(std::uint64_t));
  Size partial = 0, arrived = 0;  // of kernels whose blocks share a sum
  if (attention && narrow) {
    const Size pairs = batch * size(shape.heads);
    partial = pairs * size(plan.splits) * size(plan.paddedAttentionWidth + 2);
    arrived = pairs;
  }
  for (CudaSession::Block& b : plan.blocks) {
    if (heads || (mixer != Mixer::convolutionLazy && b.keptStride == 0)) continue;
    b.lazy = lazyOf(b.keptStride > 0 ? b.keptStride : plan.stride, plan.lags, workload);
    if (b.lazy.splits == 1) continue;
    const Size sums = size(b.lazy.splits * b.lazy.sequences * CudaSession::Lazy::channels);
    partial = std::max(partial, size(b.lazy.blocks) * sums);
    arrived = std::max(arrived, size(b.lazy.blocks));
  }
  plan.partial = arena.part(partial * sizeof(float));
  plan.arrived = arena.part(arrived * sizeof(int));
  plan.prompt = arena.part(rows * sizeof(int));
  plan.next = arena.part(batch * sizeof(int));
  plan.kept = arena.part(batch * size(plan.keptSteps) * sizeof(int));
  plan.control = arena.part(256);
  plan.library = arena.part(libraryBytes);
  if (cudaCarriesNorms(shape, workload) && !workload.batchInvariant && workload.batch <= cudaMostCarriedRows) {
    const Size parts = (stride + cudaCarriedPart - 1) / cudaCarriedPart;
    plan.normSums = arena.part(batch * ((parts + 1) / 2 * 2) * 2 * sizeof(float));
    plan.normCentres = arena.part(batch * sizeof(float));
  }
  if (hyena && !gates && !kept && mixer == Mixer::modal && workload.batch == 1)
    plan.alone = arena.part(256 + (2 * stride + size(plan.innerStride)) * 8 +
                            shape.blocks.size() * stride * CudaSession::aloneBytesPerPlace);
  counted(plan.workspaceBytes);
  return plan;
}

Footprint cudaFootprint(const Shape& shape, const Workload& workload) {
  Workload counted = workload;  // FLOPs do not depend on the device, but that tiles are summed as they are written
  const bool heads = std::any_of(shape.blocks.begin(), shape.blocks.end(), hasHeads);
  if (workload.mode.mixer == Mixer::convolutionTiled && !heads) counted.mode.mixer = Mixer::convolutionLazy;
  Footprint result = footprint(shape, counted, 1);
  const CudaSession plan = cudaSession(shape, workload);
  const Size batch = size(std::max(workload.batch, 1));
  result.weightBytes = cudaWeights(shape, workload).bytes;
  result.tableBytes = plan.tableBytes;
  result.stateBytesPerSequence = (plan.stateBytes + batch - 1) / batch;
  result.cacheBytesPerSequence = (plan.cacheBytes + batch - 1) / batch;
  result.workspaceBytes = plan.workspaceBytes;

  // Mixers alone, at half the capacity (engine page, section 2).
  const double type = static_cast<double>(cudaTypeBytes(workload));
  const double seen = workload.capacityTokens / 2.0, width = shape.width;
  const double batches = workload.batch;
  const bool tiled = workload.mode.mixer == Mixer::convolutionTiled;
  const double shared = tiled ? 0 : static_cast<double>(plan.tableBytes) / batches;
  double moved = 0;
  for (const BlockShape& block : shape.blocks) {
    const double states = 4.0 * static_cast<double>(block.stateFloats), places = block.places;
    const double m = workload.mode.blockLength, operators = hasHeads(block) ? 2 : 1, headWidth = shape.headWidth;
    if (attends(block)) {
      moved += 2 * type * keyWidth(block, shape) * seen;
      continue;
    }
    const double lags = std::min<double>(seen, plan.lags);
    switch (workload.mode.mixer) {
      case Mixer::attention:
        break;
      case Mixer::modal:
      case Mixer::companion:
        moved += 2 * states;
        break;
      case Mixer::modalBlocked:
        moved += 2 * states / m;
        if (hasHeads(block))
          moved += operators * width * (8 * headWidth + 2 * type * (1 + m / 2));
        else
          moved += places * (8 + type * (1 + m / 2));
        break;
      case Mixer::convolutionLazy:
        moved += (hasHeads(block) ? 2 * operators : 1) * type * width * lags;
        break;
      case Mixer::convolutionTiled: {  // inputs and taps: the newest, those of a row of tiles, and of 128 rows; then slots
        const double near = std::min(seen, 1.5 * cudaTileWindow), far = std::max(0.0, seen - near);
        const double columns = hasHeads(block) ? operators * width * headWidth : width;
        moved += 4 * columns * ((1.5 * cudaTileRows + near / cudaTileRows + far / 128) * (1 + 1 / batches) + 6);
        break;
      }
    }
    if (recurrent(workload.mode.mixer)) moved += type * block.keptFilters * lags;
    moved += operators * 2 * type * 3 * width * (shape.shortFilterTaps - 1);
  }
  result.movedBytesPerToken = moved + shared;
  return result;
}

}  // namespace engine
