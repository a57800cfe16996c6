#include "engine/cudaplan.h"

#include <algorithm>

#include "engine/error.h"

namespace engine {
namespace {

using Size = std::size_t;

constexpr int promptRows = 8192;  // rows of one forward pass over prompts: enough for full matrix speed
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

int kindStreams(const BlockShape&) {
  return 3;
}

CudaWeights::Linear linear(Arena& arena, int inputs, int outputs, Size typeBytes, bool bias) {
  CudaWeights::Linear made;
  made.inputs = inputs;
  made.outputs = outputs;
  made.weight = arena.part(size(inputs) * size(outputs) * typeBytes);
  if (bias) made.bias = arena.part(size(outputs) * sizeof(float));
  return made;
}

}  // namespace

std::size_t cudaTypeBytes(const Workload& workload) {
  return workload.precision == Precision::float32 ? 4 : 2;
}

CudaWeights cudaWeights(const Shape& shape, const Workload& workload) {
  CudaWeights plan;
  Arena arena(plan.bytes);
  const Size type = cudaTypeBytes(workload);
  const int stride = padded(shape.width), inner = padded(shape.innerWidth), vocabulary = padded(shape.vocabulary);
  const auto norm = [&] {
    return CudaWeights::Norm{arena.part(size(stride) * sizeof(float)), arena.part(size(stride) * sizeof(float))};
  };
  for (const BlockShape& block : shape.blocks) {
    CudaWeights::Block& b = plan.blocks.emplace_back();
    const int streams = kindStreams(block) * stride;
    b.norm = norm();
    b.mlpNorm = norm();
    b.in = linear(arena, stride, streams, type, true);
    b.out = linear(arena, stride, stride, type, true);
    b.mlpIn = linear(arena, stride, inner, type, true);
    b.mlpOut = linear(arena, inner, stride, type, true);
    if (block.kind == BlockShape::Kind::attention) continue;
    b.shortWeight = arena.part(size(shape.shortFilterTaps) * size(streams) * sizeof(float));
    b.shortBias = arena.part(size(streams) * sizeof(float));
  }
  plan.embedding = linear(arena, stride, vocabulary, type, false);
  if (!shape.tiedHead) plan.head = linear(arena, stride, vocabulary, type, true);
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
  const Size stride = size(plan.stride), streams = 3 * stride;
  plan.pieceTokens = std::min(workload.capacityTokens, promptRows);
  if (mixer == Mixer::convolutionLazy) {
    const int length = shape.distilled ? workload.capacityTokens : shape.filterLengthTokens;
    plan.lags = std::min(length, workload.capacityTokens);
    plan.ring = std::min(workload.capacityTokens, length + lazyPiece);
    if (plan.ring < workload.capacityTokens) plan.pieceTokens = std::min(plan.pieceTokens, lazyPiece);
  }
  if (mixer == Mixer::attention && shape.heads > 0) {
    plan.paddedHeadWidth = padded(shape.width / shape.heads);
    // Enough blocks for several waves, of at least 64 tokens each; batch-invariant: a fixed size.
    const int pairs = workload.batch * shape.heads;
    plan.splits = std::clamp((4 * multiprocessors + pairs - 1) / pairs, 1, (workload.capacityTokens + 63) / 64);
    if (workload.batchInvariant) {
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
    const bool modal = recurrent(mixer) && block.kind == BlockShape::Kind::hyena;
    const Size places = size(block.places), blockLength = size(workload.mode.blockLength);
    const Size stateFloats = static_cast<Size>(block.stateFloats);
    if (modal) {
      b.order = arena.part(places * sizeof(int));
      b.direct = arena.part(places * sizeof(float));
      b.coefficients = arena.part((static_cast<Size>(block.tableFloats) - 2 * places) * sizeof(float));
      b.groups = arena.part(places / 16 * 16);
      if (mixer == Mixer::modalBlocked) {
        b.powers = arena.part(2 * stateFloats * sizeof(float));
        b.blockTaps = arena.part(places * blockLength * sizeof(float));
      }
    } else if (mixer == Mixer::convolutionLazy) {
      b.taps = arena.part(size(plan.lags) * stride * sizeof(float));
    }
    counted(plan.tableBytes);
    if (block.kind == BlockShape::Kind::hyena)
      b.history = arena.part(batch * size(shape.shortFilterTaps - 1) * streams * type);
    if (modal) {
      b.state = arena.part(batch * stateFloats * sizeof(float));
      if (mixer == Mixer::modalBlocked) {
        b.responses = arena.part(batch * places * blockLength * sizeof(float));
        b.inputs = arena.part(batch * places * blockLength * type);
      }
    }
    counted(plan.stateBytes);
    if (mixer == Mixer::convolutionLazy) b.cache = arena.part(batch * size(plan.ring) * stride * type);
    if (mixer == Mixer::attention) {
      const Size bytes = batch * size(shape.heads) * capacity * size(plan.paddedHeadWidth) * type;
      b.cache = arena.part(bytes);
      b.values = arena.part(bytes);
    }
    counted(plan.cacheBytes);
  }
  const Size prompt = std::min(size(promptRows), batch * capacity);
  plan.rows = static_cast<int>(std::max({prompt, batch, size(plan.pieceTokens)}));
  const Size rows = size(plan.rows);
  plan.keptSteps = 16;
  plan.residual = arena.part(rows * stride * sizeof(float));
  plan.normed = arena.part(rows * stride * type);
  plan.streams = arena.part(rows * streams * type);
  plan.mixed = arena.part(rows * stride * type);
  plan.hidden = arena.part(rows * size(plan.innerStride) * type);
  plan.logits = arena.part(batch * size(plan.vocabularyStride) * sizeof(float));
  plan.scores = arena.part(batch * 16 * sizeof(double));
  plan.best = arena.part(batch * 16 * sizeof(int));
  if (mixer == Mixer::attention) {
    const Size pairs = batch * size(shape.heads);
    plan.partial = arena.part(pairs * size(plan.splits) * size(plan.paddedHeadWidth + 2) * sizeof(float));
    plan.arrived = arena.part(pairs * sizeof(int));
  }
  plan.prompt = arena.part(rows * sizeof(int));
  plan.next = arena.part(batch * sizeof(int));
  plan.kept = arena.part(batch * size(plan.keptSteps) * sizeof(int));
  plan.control = arena.part(256);
  plan.library = arena.part(libraryBytes);
  bool hyena = true;
  for (const BlockShape& block : shape.blocks) hyena = hyena && block.kind == BlockShape::Kind::hyena;
  if (hyena && mixer == Mixer::modal && workload.batch == 1)
    plan.alone = arena.part(256 + (2 * stride + size(plan.innerStride)) * 8 +
                            shape.blocks.size() * stride * CudaSession::aloneBytesPerPlace);
  counted(plan.workspaceBytes);
  return plan;
}

Footprint cudaFootprint(const Shape& shape, const Workload& workload) {
  Footprint result = footprint(shape, workload, 1);  // FLOPs do not depend on the device
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
  const double shared = static_cast<double>(plan.tableBytes) / workload.batch;
  double moved = 0;
  for (const BlockShape& block : shape.blocks) {
    const double states = 4.0 * static_cast<double>(block.stateFloats), places = block.places;
    const double m = workload.mode.blockLength;
    switch (workload.mode.mixer) {
      case Mixer::attention:
        moved += 2 * type * width * seen;
        break;
      case Mixer::modal:
      case Mixer::companion:
        moved += 2 * states;
        break;
      case Mixer::modalBlocked:
        moved += 2 * states / m + places * (8 + type * (1 + m / 2));
        break;
      case Mixer::convolutionLazy:
      case Mixer::convolutionTiled:
        moved += type * width * std::min<double>(seen, plan.lags);
        break;
    }
    if (block.kind == BlockShape::Kind::hyena) moved += 2 * type * 3 * width * (shape.shortFilterTaps - 1);
  }
  result.movedBytesPerToken = moved + shared;
  return result;
}

}  // namespace engine
