// What the modes need of a distilled bank: poles and residues as the recurrence reads them, or the impulse responses
// h^. Everything is derived in float64 and cast once. Internal to engine.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "analysis/reduction/distilled.h"
#include "engine/buffer.h"
#include "engine/weights.h"

namespace engine {

// Sixteen channels of one bank that are stepped together. Rows are [16] floats; a channel with fewer modes than its
// group has zeros there.
struct ModalGroup {
  int pairs = 0, reals = 0;
  std::size_t coefficients = 0;  // offset of the group in ModalTable::coefficients
  std::size_t state = 0;         // offset of the group in a sequence's state: pairs x (re, im), then reals
};

// y_t = direct u_t + sum_k Re(R_k x_k),  x_k <- lambda_k x_k + u_t   (engine page, equation 1), R doubled for pairs.
// lambda is the sum of two floats, hi + lo: rounding a slow pole to one float would be the largest error of all.
// Channels are sorted by their number of modes, so that groups have little padding.
struct ModalTable {
  static constexpr int groupSize = 16;
  static constexpr int rowsPerPair = 6;  // lambda re hi, im hi, re lo, im lo; R re, im
  static constexpr int rowsPerReal = 3;  // lambda hi, lo; R

  int channels = 0;
  std::vector<ModalGroup> groups;
  Buffer<std::int32_t> order;      // channel at each place of the groups; -1: padding
  Buffer<float> coefficients;      // group after group: pairs, then reals
  Buffer<float> direct;            // feedthrough + skip at each place; 0 for kept channels
  std::size_t stateFloats = 0;     // per sequence and channel input
  int pairs = 0, reals = 0;        // stored, padding included, in channels
  std::vector<std::int32_t> kept;  // channels without a model
  FilterBank keptFilters;          // their taps
  std::size_t bytes = 0;
};

ModalTable modalTable(const FilterBank&, const analysis::DistilledBank&);

// The pairs as second-order sections w_t = u_t + 2 Re(lambda) w_(t-1) - |lambda|^2 w_(t-2), in the rows of
// ModalTable::coefficients; real poles as they are. Plain sections lose their precision to cancellation where a slow
// pole is near +-1, so their second state is the difference d_t = w_t - s w_(t-1), s the sign of Re(lambda):
//   d_t = u_t + p w_(t-1) + q d_(t-1),  w_t = s w_(t-1) + d_t,  y_t += c_1 w_(t-1) + c_2 d_(t-1),
// rows p, q hi, q lo, s, c_1, c_2, with p = -s |1 - s lambda|^2 and q = s |lambda|^2.
struct Section {
  double p = 0, q = 0, s = 1, c1 = 0, c2 = 0;
};
Section section(const analysis::Mode& pair);
Buffer<float> sectionCoefficients(const ModalTable&, const analysis::DistilledBank&);

// h^[0..length-1] of every channel; channels without a model keep their taps (zero beyond them). `meter` counts.
// O(channels * length * modes).
FilterBank impulseResponses(const FilterBank&, const analysis::DistilledBank&, int length, Meter&);

// The state-space models of a whole checkpoint, in the order of Model::Weights::filters.
struct Model::Distillation {
  std::vector<analysis::DistilledBank> banks;
  std::vector<ModalTable> modal;
};

}  // namespace engine
