#include "analysis/reduction/recurrence.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "analysis/reduction/powers.h"

namespace analysis {

namespace {

// The modes of a model in one precision, delta form, real and imaginary parts apart.
template <typename Real>
struct Machine {
  std::vector<Real> deltaRe, deltaIm, weightRe, weightIm, re, im;
  Real feedthrough;

  explicit Machine(const StateSpace& model) : feedthrough(static_cast<Real>(model.feedthrough)) {
    for (const Mode& mode : model.modes) {
      const auto delta = expm1(mode.logPole);
      const auto weight = mode.pair ? 2.0 * mode.residue : std::complex<double>(mode.residue.real());
      deltaRe.push_back(static_cast<Real>(delta.real()));
      deltaIm.push_back(static_cast<Real>(delta.imag()));
      weightRe.push_back(static_cast<Real>(weight.real()));
      weightIm.push_back(static_cast<Real>(weight.imag()));
    }
    re.assign(model.modes.size(), 0);
    im.assign(model.modes.size(), 0);
  }

  Real step(Real input) {
    Real output = feedthrough * input;
    for (std::size_t k = 0; k < re.size(); ++k) {
      output += weightRe[k] * re[k] - weightIm[k] * im[k];
      const Real moveRe = deltaRe[k] * re[k] - deltaIm[k] * im[k], moveIm = deltaRe[k] * im[k] + deltaIm[k] * re[k];
      re[k] += moveRe + input;
      im[k] += moveIm;
    }
    return output;
  }
};

}  // namespace

double float32RecurrenceError(const StateSpace& model, int steps) {
  Machine<double> exact(model);
  Machine<float> single(model);
  std::uint64_t state = 1;
  double error = 0, size = 0;
  for (int t = 0; t < steps; ++t) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const auto input = static_cast<float>(static_cast<double>(state >> 40) * 0x1.0p-23 - 1.0);
    const double expected = exact.step(input), actual = static_cast<double>(single.step(input));
    error += (expected - actual) * (expected - actual);
    size += expected * expected;
  }
  return size > 0 ? std::sqrt(error / size) : 0;
}

}  // namespace analysis
