#include "engine/footprint.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "engine/bfloat16.h"
#include "engine/cpu/attention.h"
#include "engine/cpu/blockedheads.h"
#include "engine/cpu/chunks.h"
#include "engine/cpu/convolution.h"
#include "engine/cpu/headmemory.h"
#include "engine/cpu/prefill.h"
#include "engine/cpu/promptconvolution.h"
#include "engine/cpu/tiled.h"
#include "engine/runner.h"

namespace engine {
namespace {

using Size = std::size_t;
constexpr Size bytesPerFloat = sizeof(float);

Size size(int count) {
  return static_cast<Size>(count);
}
Size product(int a, int b) {
  return size(a) * size(b);
}

// Of a layer with bias.
Size layerFloats(Size inputs, Size outputs) {
  return inputs * outputs + outputs;
}

Size blockWeightFloats(const BlockShape& block, const Shape& shape) {
  const Size width = size(shape.width), inner = size(shape.innerWidth), taps = size(shape.shortFilterTaps);
  const auto convolution = [&](Size streams) {
    return layerFloats(width, streams) + taps * streams + streams + layerFloats(width, width);
  };
  switch (block.kind) {
    case BlockShape::Kind::hyena:
      return 4 * width + convolution(size(shape.hyenaOrder + 1) * width) + layerFloats(width, inner) +
             layerFloats(inner, width);
    case BlockShape::Kind::multiHyena:
      return 5 * width + 2 * convolution(3 * width) + layerFloats(width, 2 * inner) + layerFloats(inner, width);
    case BlockShape::Kind::attention:
      return 4 * width + layerFloats(width, 3 * width) + layerFloats(width, width) + layerFloats(width, inner) +
             layerFloats(inner, width);
  }
  return 0;
}

// Of everything outside the filters; `matrices` says how many of them lie in linear layers.
Size weightFloats(const Shape& shape, Size& matrices) {
  matrices = 0;
  if (shape.matrixValues > 0) {  // counted
    Size others = static_cast<Size>(shape.otherValues);
    matrices = static_cast<Size>(shape.matrixValues);
    for (const BlockShape& block : shape.blocks) {
      matrices += static_cast<Size>(block.matrixValues);
      others += static_cast<Size>(block.otherValues);
    }
    return matrices + others;
  }
  Size floats = product(shape.vocabulary, shape.width) * (shape.tiedHead ? 1 : 2) +
                product(shape.positions, shape.width) + 2 * size(shape.width);
  for (const BlockShape& block : shape.blocks) floats += blockWeightFloats(block, shape);
  return floats;
}

// Everything that depends on the mode, of one block.
struct MixerCost {
  Size stateFloats = 0, cacheFloats = 0, tableFloats = 0, workspaceFloats = 0, scratchFloats = 0;
  double movedFloats = 0, flops = 0;
};

// What decides the cost of a mixer besides its block.
struct Setting {
  const Shape& shape;
  const Workload& workload;
  double seen;  // tokens in the middle of the generation
  bool modal;
  int responseLength;  // of the impulse responses of a distilled model that is convolved; 0: the filters themselves
  int length(const BankShape& bank) const { return responseLength > 0 ? responseLength : bank.length; }
};

void operator+=(MixerCost& total, const MixerCost& more) {
  total.stateFloats += more.stateFloats;
  total.cacheFloats += more.cacheFloats;
  total.tableFloats += more.tableFloats;
  total.workspaceFloats += more.workspaceFloats;
  total.scratchFloats = std::max(total.scratchFloats, more.scratchFloats);
  total.movedFloats += more.movedFloats;
  total.flops += more.flops;
}

std::vector<BankShape> banksOf(const BlockShape& block, const Shape& shape) {
  if (!block.banks.empty()) return block.banks;
  return {{block.filters, shape.filterLengthTokens, block.keptFilters}};
}

MixerCost convolutionCost(int filters, int length, const Setting& s) {
  MixerCost cost;
  const int capacity = s.workload.capacityTokens;
  cost.cacheFloats = product(filters, cpu::ConvolutionMemory::ringLength(length, capacity));
  cost.tableFloats = product(filters, length + 1);
  cost.scratchFloats = cpu::ConvolutionMemory::scratchFloats(length, capacity);
  const double lags = std::min<double>(s.seen, length);
  cost.movedFloats = filters * (lags + 1 + lags / s.workload.batch);  // inputs read, one written; taps shared
  cost.flops = filters * (2 * lags + 2);
  return cost;
}

// A tile of side U comes every 2U tokens: U inputs and 2U taps read, U sums read and written.
MixerCost tiledCost(int filters, int length, const Setting& s) {
  MixerCost cost;
  const int capacity = s.workload.capacityTokens;
  cost.cacheFloats = product(filters, capacity);
  cost.tableFloats = product(filters, length + 1);
  cost.scratchFloats = cpu::Tiles::scratchFloats(length, capacity);
  cost.movedFloats = 3.0 * filters;
  cost.flops = 3.0 * filters;
  for (int side = 1; side <= s.seen; side *= 2) {
    cost.movedFloats += filters * (1.5 + 1.0 / s.workload.batch);
    // Directly side^2 products; by FFT three transforms of 2 side.
    cost.flops += filters * (side < cpu::Tiles::fftSide ? side : 7.5 * std::log2(2.0 * side));
  }
  return cost;
}

// What reading prompts of a recurrence takes besides what decoding does.
MixerCost promptCost(const BlockShape& block, const Setting& s) {
  MixerCost cost;
  const Prefill way = cpu::recurrenceWay(s.shape, s.workload);
  if (way == Prefill::scan) return cost;
  cost.tableFloats = cpu::chunkTableFloats(static_cast<Size>(block.stateFloats), size(block.places));
  if (way == Prefill::chunkedModal) return cost;
  const int capacity = s.workload.capacityTokens;
  for (const BankShape& bank : banksOf(block, s.shape)) cost.tableFloats += product(bank.filters, capacity + 1);
  cost.scratchFloats = cpu::PromptConvolution::scratchFloats(capacity, capacity);
  return cost;
}

MixerCost modalCost(const BlockShape& block, const Setting& s) {
  MixerCost cost;
  for (const BankShape& bank : banksOf(block, s.shape)) {
    if (bank.kept == 0) continue;
    cost += convolutionCost(bank.kept, bank.length, s);
    cost.workspaceFloats += product(std::max(s.workload.batch, s.workload.capacityTokens), bank.kept);
  }
  const auto state = static_cast<double>(block.stateFloats), table = static_cast<double>(block.tableFloats);
  cost.stateFloats = static_cast<Size>(block.stateFloats);
  cost.tableFloats += static_cast<Size>(block.tableFloats);
  cost.movedFloats += 2 * state + table / s.workload.batch;
  // Of a pair: modal, with poles in two floats, 8 + 4 + 2; as a section 7 + 2 + 4.
  cost.flops += (s.workload.mode.mixer == Mixer::companion ? 6.5 : 7) * state;
  if (s.workload.mode.mixer == Mixer::modalBlocked && block.kind == BlockShape::Kind::multiHyena) {
    const int length = s.workload.mode.blockLength, size = s.shape.headWidth;
    const double m = length, entries = size * size, heads = block.filters;
    cost.stateFloats += cpu::BlockedHeads::extraStateFloats(block.filters, length, size);
    cost.tableFloats += cpu::BlockedHeads::extraTableFloats(block.filters, length,
                                                            static_cast<Size>(block.stateFloats) / product(size, size));
    cost.movedFloats += (2 / m - 2) * state + heads * (2 * entries + (m + 1) / 2 * 2 * size);
    cost.flops += (4 + 3 / m - 7) * state + heads * (2 * entries + 2 * m * size);
    return cost;
  }
  if (s.workload.mode.mixer == Mixer::modalBlocked) {
    const int length = s.workload.mode.blockLength;
    const double places = block.places, m = length;
    cost.stateFloats += 2 * product(length, block.places);  // inputs and responses
    cost.tableFloats += 2 * static_cast<Size>(block.stateFloats) + product(length, block.places);  // powers and taps
    cost.movedFloats += (2 / m - 2) * state + places * (4 + (m - 1) / 2 + 1);
    cost.flops += (5 - 7) * state + places * m;  // two Horner sums in place of the step, and the taps
  }
  if (block.kind == BlockShape::Kind::hyena) cost += promptCost(block, s);
  return cost;
}

// Keys and values of `operators` mixers, all of them read for every token.
MixerCost keyValueCost(int operators, int keyValueWidth, double lags, const Setting& s) {
  MixerCost cost;
  const Size width = size(operators) * size(keyValueWidth);
  cost.cacheFloats = 2 * width * size(s.workload.capacityTokens);
  cost.movedFloats = 2 * static_cast<double>(width) * (lags + 1);
  cost.flops = 4 * static_cast<double>(width) * lags;
  return cost;
}

MixerCost mixerCost(const BlockShape& block, const Setting& s) {
  const int capacity = s.workload.capacityTokens;
  const auto history = [&](int operators, int streams) {
    const int width = block.streamWidth > 0 ? block.streamWidth : streams * s.shape.width;
    return product(operators * (s.shape.shortFilterTaps - 1), width);
  };
  MixerCost cost;
  switch (block.kind) {
    case BlockShape::Kind::hyena:
      if (s.modal)
        cost = modalCost(block, s);
      else
        for (const BankShape& bank : banksOf(block, s.shape))
          cost += s.workload.mode.mixer == Mixer::convolutionTiled ? tiledCost(bank.filters, s.length(bank), s)
                                                                   : convolutionCost(bank.filters, s.length(bank), s);
      cost.stateFloats += history(1, s.shape.hyenaOrder + 1);
      break;
    case BlockShape::Kind::multiHyena:
      if (s.modal) {
        cost = modalCost(block, s);
        if (s.workload.mode.mixer != Mixer::modalBlocked)
          cost.scratchFloats = cpu::HeadRecurrence::scratchFloats(s.shape.headWidth);
      } else {
        const int length = s.responseLength > 0 ? s.responseLength : s.shape.filterLengthTokens;
        if (s.workload.mode.mixer == Mixer::convolutionTiled) {  // every entry of k v^T has its tiles
          cost = tiledCost(block.filters * s.shape.headWidth * s.shape.headWidth, length, s);
        } else {
          cost = keyValueCost(2, s.shape.width, std::min<double>(s.seen, length), s);
          cost.scratchFloats = cpu::HeadConvolution::scratchFloats(capacity);
        }
        cost.tableFloats = product(block.filters, length + 1);
      }
      cost.stateFloats += history(2, 3);
      break;
    case BlockShape::Kind::attention:
      cost = keyValueCost(1, block.keyValueWidth > 0 ? block.keyValueWidth : s.shape.width, s.seen, s);
      cost.scratchFloats = cpu::AttentionSublayer::scratchFloats(capacity);
      break;
  }
  return cost;
}

// The widest row of projected inputs and of the MLP.
struct Widths {
  int streams = 0, hidden = 0;
};

Widths widths(const Shape& shape) {
  Widths widest;
  for (const BlockShape& block : shape.blocks) {
    const int streams = block.kind == BlockShape::Kind::hyena ? shape.hyenaOrder + 1 : 3;
    const int halves = block.kind == BlockShape::Kind::multiHyena ? 2 : 1;
    widest.streams = std::max(widest.streams, block.streamWidth > 0 ? block.streamWidth : streams * shape.width);
    widest.hidden = std::max(widest.hidden, block.hiddenWidth > 0 ? block.hiddenWidth : halves * shape.innerWidth);
  }
  return widest;
}

}  // namespace

Footprint footprint(const Shape& shape, const Workload& workload, int threads) {
  if (threads <= 0) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const bool modal = recurrent(workload.mode.mixer);
  const Setting setting{shape, workload, workload.capacityTokens / 2.0, modal,
                        shape.distilled && !modal ? workload.capacityTokens : 0};
  MixerCost total;
  bool pieces = true;  // prompts may come in pieces
  bool parallel = false;
  for (const BlockShape& block : shape.blocks) {
    const MixerCost cost = mixerCost(block, setting);
    const bool whole = !modal || block.keptFilters > 0 || cpu::recurrenceWay(shape, workload) == Prefill::stateFree;
    if (block.kind == BlockShape::Kind::hyena && whole) pieces = false;
    total += cost;
    parallel = parallel || block.parallel;
  }
  const int piece = pieces ? std::min(prefillPieceTokens, workload.capacityTokens) : workload.capacityTokens;
  const int rows = std::max(workload.batch, piece);
  const int pieceRows = std::max(workload.batch, std::min(prefillPieceTokens, piece));
  const Widths widest = widths(shape);
  total.workspaceFloats += product(rows, widest.streams) + (parallel ? 3 : 2) * product(rows, shape.width) +
                           product(pieceRows, shape.width) + product(pieceRows, widest.hidden) +
                           product(workload.batch, shape.vocabulary) + size(threads) * total.scratchFloats;

  Footprint result;
  Size matrices = 0;
  const Size weights = weightFloats(shape, matrices);
  result.weightBytes = weights * bytesPerFloat - (shape.halfWeights ? matrices * sizeof(Bfloat16) : 0);
  result.stateBytesPerSequence = total.stateFloats * bytesPerFloat;
  result.cacheBytesPerSequence = total.cacheFloats * bytesPerFloat;
  result.tableBytes = total.tableFloats * bytesPerFloat;
  result.workspaceBytes = total.workspaceFloats * bytesPerFloat;
  result.movedBytesPerToken = total.movedFloats * static_cast<double>(bytesPerFloat);
  // Every weight is multiplied once per token, but an untied embedding is only looked up.
  const Size looked =
      product(shape.positions, shape.width) + (shape.tiedHead ? 0 : product(shape.vocabulary, shape.width));
  result.flopsPerToken = 2.0 * static_cast<double>(weights - looked) + total.flops;
  return result;
}

}  // namespace engine
