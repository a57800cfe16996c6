#include "engine/cpu/prefill.h"

#include <algorithm>
#include <cmath>

#include "engine/cpu/chunks.h"

namespace engine::cpu {

// Fitted to bench_prefill on a Sapphire Rapids core with AVX-512; what counts is where two ways cross.
double prefillNanoseconds(Prefill way, Mixer mixer, double states, int outputs, int tokens) {
  const double n = std::max(2, tokens + outputs), fft = n * (0.2 + 0.45 * std::log2(n)) + 90;
  const double scan = mixer == Mixer::companion ? 0.17 + 0.0635 * states : 0.2 + 0.079 * states;
  switch (way) {
    case Prefill::fft:
      return fft;
    case Prefill::toeplitz:
      return 0.03 * tokens * (outputs - tokens / 2.0) + 1.4 * tokens + 35;
    case Prefill::scan:
      return tokens * scan;
    case Prefill::chunkedModal: {  // a last part of a chunk goes by the scan; large tables have to be fetched first
      const int whole = tokens / ChunkTable::length * ChunkTable::length;
      return whole * (0.47 + 0.052 * states) + (tokens - whole) * scan + 5 * std::max(0.0, states - 32);
    }
    case Prefill::stateFree:
      return fft + tokens * 0.03 * states;
    case Prefill::automatic:
      break;
  }
  return 0;
}

Prefill convolutionWay(Prefill asked, int outputs, int tokens) {
  if (asked != Prefill::automatic) return asked;
  const auto cost = [&](Prefill way) { return prefillNanoseconds(way, Mixer::convolutionLazy, 0, outputs, tokens); };
  return cost(Prefill::toeplitz) < cost(Prefill::fft) ? Prefill::toeplitz : Prefill::fft;
}

Prefill recurrenceWay(const Shape& shape, const Workload& workload) {
  if (workload.mode.prefill != Prefill::automatic) return workload.mode.prefill;
  double states = 0, places = 0;
  for (const BlockShape& block : shape.blocks)
    if (block.kind == BlockShape::Kind::hyena) states += static_cast<double>(block.stateFloats), places += block.places;
  const int tokens = workload.capacityTokens;
  const auto ways = prefillWays(Mixer::modal, false);
  const auto cost = [&](Prefill way) {
    return prefillNanoseconds(way, workload.mode.mixer, places > 0 ? states / places : 0, tokens, tokens);
  };
  return *std::min_element(ways.begin(), ways.end(), [&](Prefill a, Prefill b) { return cost(a) < cost(b); });
}

}  // namespace engine::cpu
