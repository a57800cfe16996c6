// The implicit filter of the Hyena family: a small sine network of the position, windowed by an exponential decay.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "analysis/checkpoint/survey.h"

namespace analysis {

struct ImplicitFilterShape {
  int columns = 0;        // filters it describes: rows of the last linear layer
  int lengthSamples = 0;  // Lmax
};

struct ImplicitFilterOptions {
  bool modulate = true;
  double shift = 0;
};

// Checks the tensors below `prefix` ("layers.0.mixer.filter_fn."). Empty, with entries in the survey's report, when a
// needed one is absent or misshapen. O(1).
std::optional<ImplicitFilterShape> surveyImplicitFilter(Survey&, const std::string& prefix,
                                                        const ImplicitFilterOptions&);

// modulate and shift, from the configuration or by default; both are choices.
ImplicitFilterOptions implicitFilterOptions(Survey&, double defaultShift);

// Channel c is column firstColumn + c columnStep of the network; its skip is element of the same number of `skipKey`,
// or 0 when that is empty. Formula in float64 (Poli et al. 2023, Hyena Hierarchy, section 3.3; read from the file: z,
// t, deltas, freq):
//   a = z[n]; a <- sin(freq (W a + b)) for each hidden layer; h_c[n] = (W_last a)_c (exp(-t[n] |delta_c|) + shift).
// evaluate() costs O(L F (E + F layers + channels)) time and O(F) memory per row block.
std::shared_ptr<const FilterSource> implicitFilterSource(const Survey&, const std::string& prefix,
                                                         const ImplicitFilterOptions&, int firstColumn, int columnStep,
                                                         const std::string& skipKey);

}  // namespace analysis
