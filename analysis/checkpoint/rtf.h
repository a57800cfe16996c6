// Filters given by rational transfer functions (RTF).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "analysis/checkpoint/survey.h"

namespace analysis {

struct RtfOptions {
  int truncationSamples = 0;  // T: the length at which the transfer function was sampled, and the filter's
  bool bounded = false;       // the l1 bound applies: some layer stores its scalar
  bool aliased = true;        // false: the variant whose taps are those of the infinite response
};

// Truncation length and form: no shape tells; both are choices.
RtfOptions rtfOptions(Survey&);

// Checks `prefix`ab [num_a + C, N], h_0 [C], scalar [num_a] (optional). C, or empty with entries in the report.
std::optional<int> surveyRtf(Survey&, const std::string& prefix, const RtfOptions&);

// Channel c is row firstColumn + c columnStep; its skip is h_0 when `skipIsFeedthrough` (Hyena adds it once more),
// else 0. Formula in float64 (Parnichkun et al. 2024, State-Free Inference of State-Space Models, section 3.2):
// h = inverse Fourier transform of B/A + h_0 at the Lf-th roots of unity, Lf = T + T mod 2, with
// A = 1 + a_1 z^-1 + .., B = b_1 z^-1 + .., and a divided by (sum |a| + |scalar| + 1e-6) where scalar is stored: so the
// taps are aliased, h[t] = sum_m h_inf[t + m Lf]. Not aliased: h[t] = b M^t e_1 + h_0 delta[t], M the companion matrix
// of first row -a. O(Lf log Lf) per channel, O(N T) when not aliased.
std::shared_ptr<const FilterSource> rtfSource(const Survey&, const std::string& prefix, const RtfOptions&,
                                              int firstColumn, int columnStep, bool skipIsFeedthrough);

}  // namespace analysis
