// What a model feeds its long filters on a text: the autocorrelation of every filter's input. With it the output error
// of a replaced filter is known without running the model, and residues can be refitted to where it matters.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/reduction/distilled.h"
#include "analysis/task.h"
#include "engine/evaluate.h"
#include "engine/model.h"

namespace engine {

// r_c[k] = mean over tokens of sum_(t >= k) u_t u_(t-k) within a window, k = 0 .. lags-1: positive semidefinite. For a
// head of MultiHyena u is the outer product k v^T, and products are summed over its entries.
struct InputStatistics {
  std::string path;  // of the bank
  int channels = 0, lags = 0;
  std::vector<double> autocorrelation;  // [channels, lags]

  std::span<const double> of(int channel) const {
    const auto row = static_cast<std::size_t>(lags);
    return std::span(autocorrelation).subspan(static_cast<std::size_t>(channel) * row, row);
  }
};

// One entry per bank, in the order of the model's banks, recorded on the windows of the request (default: those of the
// training length; its lags are the window). The model runs with its original filters; `original` must not be
// distilled. One forward pass, and an FFT per channel and window.
std::vector<InputStatistics> inputStatistics(const std::shared_ptr<const Model>& original, const EvaluationRequest&,
                                             const analysis::Task& = {});

// Mean square of e * u: sum_ij e_i e_j r_|i-j|. Lags beyond r count 0. O(L log L).
double outputEnergy(std::span<const double> error, std::span<const double> autocorrelation);

// The best residues and feedthrough of the model's own poles for these inputs: least mean square of (h - h^) * u, by
// the normal equations of the basis (Phi^T R Phi) c = Phi^T R h, R the Toeplitz matrix of r. Never worse than the given
// model. O(order L log L + order^2 L).
analysis::StateSpace refittedToInputs(std::span<const double> taps, const analysis::StateSpace&,
                                      std::span<const double> autocorrelation);

// Every model of `distilled` refitted; errors (of the filters) are computed anew, certificates stay. Metadata get
// "refit".
analysis::Distilled refittedToInputs(const analysis::Checkpoint&, const analysis::Distilled&,
                                     std::span<const InputStatistics>, const analysis::Task& = {});

}  // namespace engine
