// What the tests of reduction share: a filter from its taps, the error of a model by its definition, the derivative of
// the projected error by differences.
#pragma once

#include <Eigen/Dense>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "analysis/checkpoint/filter.h"
#include "analysis/reduction/poleset.h"
#include "analysis/reduction/projection.h"
#include "analysis/reduction/statespace.h"

namespace fittools {

inline std::shared_ptr<const analysis::Filter> filterOf(std::vector<double> taps) {
  return std::make_shared<const analysis::Filter>(analysis::Filter{{}, "0.0", std::move(taps), 0});
}

// Two pairs and two real poles, one of them negative.
inline analysis::PoleSet somePoles() {
  analysis::PoleSet poles;
  poles.addPair({-0.01, 0.05});
  poles.addPair({-0.03, 0.4});
  poles.addReal(-0.05, false);
  poles.addReal(-0.2, true);
  return poles;
}

// ||taps - model|| / ||taps||, or ||model|| where all taps are zero.
inline double errorOf(const std::vector<double>& taps, const std::vector<double>& model) {
  double error = 0, norm = 0;
  for (std::size_t t = 0; t < taps.size(); ++t) {
    error += (taps[t] - model[t]) * (taps[t] - model[t]);
    norm += taps[t] * taps[t];
  }
  return norm > 0 ? std::sqrt(error / norm) : std::sqrt(error);
}
inline double errorOf(const std::vector<double>& taps, const analysis::StateSpace& model) {
  return errorOf(taps, model.impulseResponse(static_cast<int>(taps.size())));
}

// What Projection::halfGradient() says, by central differences of the squared error of `target`: for each row of `poles`
// the decay, then the frequency of each pair. NaN where a shifted pole leaves the disc.
inline Eigen::VectorXd halfGradientByDifferences(const analysis::Target& target, const analysis::PoleSet& poles) {
  analysis::Projection shifted(target);
  Eigen::VectorXd numeric(poles.order());
  for (int i = 0; i < poles.order(); ++i) {
    const auto k = static_cast<std::size_t>(i < poles.rows() ? i : i - poles.rows());
    const double step = 1e-5 * std::abs(poles.logPoles[k].real());
    const auto objective = [&](double by) {
      analysis::PoleSet moved = poles;
      moved.logPoles[k] += i < poles.rows() ? std::complex<double>(by) : std::complex<double>(0, by);
      return shifted.evaluate(moved) ? shifted.squaredError() : std::nan("");
    };
    numeric[i] = -(objective(step) - objective(-step)) / (4 * step);
  }
  return numeric;
}

}  // namespace fittools
