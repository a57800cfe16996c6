// Modal interpolation by gradient descent, the method of the Laughing Hyena paper and the baseline to beat.
#pragma once

#include <cstdint>
#include <span>

#include "analysis/reduction/methods/adam.h"
#include "analysis/reduction/methods/method.h"

namespace analysis {

enum class GradientStart {
  ring,      // radius 0.98, angles spread evenly
  random,    // radius sqrt of uniform in [0.64, 1], angle uniform
  logDecays  // decays log-uniform in [2/M, 100/M], low angles; descends in log-decay instead of radius
};

struct ModalGradientOptions {
  GradientStart start = GradientStart::ring;
  std::uint64_t seed = 7;  // of the random poles and of the small random residues
  AdamOptions adam;
};

// floor(order/2) conjugate pairs and, for an odd order, one real pole; radius, angle and residue of each descend the
// mean square error on the window. O(steps M d). Throws Stopped.
Poles modalGradientPoles(std::span<const double> g, int order, const ModalGradientOptions&, const Task&);

}  // namespace analysis
