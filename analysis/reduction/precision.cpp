#include "analysis/reduction/precision.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <utility>

#include "analysis/reduction/residues.h"

namespace analysis {

namespace {

// Round half to even on the upper 16 bits of a float32.
float toBfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u);
}

// The nearest number of that precision towards the inside, where rounding left the limits of fitting.
double insideLimits(double logDecay, Precision precision) {
  const PoleLimits limits;
  const double step = precision == Precision::bfloat16 ? 0x1p-7 : 0x1p-23;  // relative: the next number or the one after
  while (-std::exp(logDecay) > limits.slowest) logDecay = rounded(logDecay + std::abs(logDecay) * step, precision);
  while (-std::exp(logDecay) < limits.fastest) logDecay = rounded(logDecay - std::abs(logDecay) * step, precision);
  return logDecay;
}

}  // namespace

int bytesPerNumber(Precision precision) {
  return precision == Precision::float64 ? 8 : precision == Precision::float32 ? 4 : 2;
}

double rounded(double value, Precision precision) {
  if (precision == Precision::float64) return value;
  const auto single = static_cast<float>(value);
  return precision == Precision::float32 || !std::isfinite(single) ? single : toBfloat16(single);
}

PoleSet rounded(const PoleSet& poles, Precision precision) {
  if (precision == Precision::float64) return poles;
  PoleSet result = poles;
  for (int k = 0; k < result.rows(); ++k) {
    auto& s = result.logPoles[static_cast<std::size_t>(k)];
    s = {-std::exp(insideLimits(rounded(std::log(-s.real()), precision), precision)),
         k < result.pairs ? rounded(s.imag(), precision) : s.imag()};
  }
  result.clip();
  return result;
}

Fit storedFit(const Target& target, const PoleSet& poles, Precision precision, bool refit) {
  const PoleSet kept = rounded(poles, precision);
  Residues residues = fitResidues(target, refit ? kept : poles);
  residues.coefficients *= target.norm();
  for (Eigen::Index k = 0; k < residues.coefficients.size(); ++k)
    residues.coefficients(k, 0) = rounded(residues.coefficients(k, 0), precision);
  Fit fit;
  fit.model = kept.model(rounded(target.feedthrough(), precision), residues.coefficients.col(0));
  fit.method = "stored";
  if (target.isZero()) return fit;
  const Eigen::VectorXd left = target.sequence().values() -
                               kept.synthesis(residues.coefficients, target.length()).col(0) / target.norm();
  const double first = (target.feedthrough() - fit.model.feedthrough) / target.norm();
  fit.errorRelative = target.errorRelative(left.squaredNorm() + first * first);
  return fit;
}

double largestQuality(const PoleSet& poles) {
  double largest = 0;
  for (int k = 0; k < poles.pairs; ++k) {
    const auto s = poles.logPoles[static_cast<std::size_t>(k)];
    largest = std::max(largest, s.imag() / -s.real());
  }
  return largest;
}

}  // namespace analysis
