#include "engine/footprint.h"

#include <algorithm>
#include <thread>

#include "engine/cpu/convolution.h"
#include "engine/runner.h"
#include "engine/tables.h"

namespace engine {
namespace {

using Size = std::size_t;
constexpr Size bytesPerFloat = sizeof(float);

Size size(int count) { return static_cast<Size>(count); }
Size product(int a, int b) { return size(a) * size(b); }

Size blockWeightFloats(const Shape& shape) {
  const Size width = size(shape.width), streams = size(shape.hyenaOrder + 1) * width, inner = size(shape.innerWidth);
  const Size norms = 2 * 2 * width;
  const Size mixer = streams * width + streams + size(shape.shortFilterTaps) * streams + streams + width * width + width;
  const Size mlp = inner * width + inner + width * inner + width;
  return norms + mixer + mlp;
}

Size weightFloats(const Shape& shape) {
  const Size width = size(shape.width);
  Size floats = product(shape.vocabulary, shape.width) * (shape.tiedHead ? 1 : 2) +
                product(shape.positions, shape.width) + 2 * width;
  for (Size block = 0; block < shape.blocks.size(); ++block) floats += blockWeightFloats(shape);
  return floats;
}

// Everything that depends on the mode, of one block. Seen: tokens in the middle of the generation.
struct MixerCost {
  Size stateFloats = 0, cacheFloats = 0, tableFloats = 0, workspaceFloats = 0;
  double movedFloats = 0, flops = 0;
};

MixerCost convolutionCost(int filters, int length, const Workload& workload, double seen) {
  MixerCost cost;
  cost.cacheFloats = product(filters, cpu::ConvolutionMemory::ringLength(length, workload.capacityTokens));
  cost.tableFloats = product(filters, length + 1);
  const double lags = std::min<double>(seen, length);
  cost.movedFloats = filters * (lags + 1 + lags / workload.batch);  // inputs read, one written; taps shared
  cost.flops = filters * (2 * lags + 2);
  return cost;
}

MixerCost modalCost(const BlockShape& block, const Shape& shape, const Workload& workload, double seen) {
  const int pairs = block.paddedStates - block.paddedModes, reals = 2 * block.paddedModes - block.paddedStates;
  const Size coefficients = product(ModalTable::rowsPerPair, pairs) + product(ModalTable::rowsPerReal, reals);
  MixerCost cost;
  if (block.keptFilters > 0) {
    cost = convolutionCost(block.keptFilters, shape.filterLengthTokens, workload, seen);
    cost.workspaceFloats = product(std::max(workload.batch, workload.capacityTokens), block.keptFilters);
  }
  cost.stateFloats = size(block.paddedStates);
  cost.tableFloats += 2 * size(block.paddedFilters) + coefficients;
  cost.movedFloats += 2.0 * block.paddedStates + static_cast<double>(coefficients) / workload.batch;
  cost.flops += 14.0 * pairs + 6.0 * reals;  // pole in two floats: 8 + 4 + 2, 2 + 2 + 2
  return cost;
}

}  // namespace

Footprint footprint(const Shape& shape, const Workload& workload, int threads) {
  if (threads <= 0) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const double seen = workload.capacityTokens / 2.0;
  const bool modal = workload.mode.mixer == Mixer::modal;
  const int convolvedLength = shape.distilled && !modal ? workload.capacityTokens : shape.filterLengthTokens;
  const int streams = (shape.hyenaOrder + 1) * shape.width;

  MixerCost total;
  bool convolves = false;
  for (const BlockShape& block : shape.blocks) {
    const MixerCost cost = modal ? modalCost(block, shape, workload, seen)
                                 : convolutionCost(block.filters, convolvedLength, workload, seen);
    const int history = (shape.shortFilterTaps - 1) * streams;
    convolves = convolves || !modal || block.keptFilters > 0;
    total.stateFloats += cost.stateFloats + size(history);
    total.cacheFloats += cost.cacheFloats;
    total.tableFloats += cost.tableFloats;
    total.workspaceFloats += cost.workspaceFloats;
    total.movedFloats += cost.movedFloats + 2.0 * history;
    total.flops += cost.flops + 2.0 * shape.shortFilterTaps * streams + 2.0 * shape.width;
  }

  const int piece = convolves ? workload.capacityTokens : std::min(prefillPieceTokens, workload.capacityTokens);
  const int rows = std::max(workload.batch, piece);
  const int pieceRows = std::max(workload.batch, std::min(prefillPieceTokens, piece));
  total.workspaceFloats += product(rows, streams) + 2 * product(rows, shape.width) +
                           product(pieceRows, shape.width) + product(pieceRows, shape.innerWidth) +
                           product(workload.batch, shape.vocabulary);
  if (convolves)
    total.workspaceFloats +=
        size(threads) * cpu::ConvolutionMemory::scratchFloats(convolvedLength, workload.capacityTokens);

  Footprint result;
  result.weightBytes = weightFloats(shape) * bytesPerFloat;
  result.stateBytesPerSequence = total.stateFloats * bytesPerFloat;
  result.cacheBytesPerSequence = total.cacheFloats * bytesPerFloat;
  result.tableBytes = total.tableFloats * bytesPerFloat;
  result.workspaceBytes = total.workspaceFloats * bytesPerFloat;
  result.movedBytesPerToken = total.movedFloats * static_cast<double>(bytesPerFloat);
  const double head = 2.0 * shape.vocabulary * shape.width;
  const double projections =
      2.0 * shape.width * (streams + shape.width + 2.0 * shape.innerWidth) * static_cast<double>(shape.blocks.size());
  result.flopsPerToken = head + projections + total.flops;
  return result;
}

}  // namespace engine
