// Real poles in (0, 1) only, the storage format of Evo 2: one pole at a time where the residual asks for it, all of
// them polished by variable projection after each, then one pass that tries to place each pole anew. Sums of decaying
// exponentials with large cancelling residues are the rule here; the fit's cancellation factor shows them.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "analysis/reduction/methods/catalogue.h"
#include "analysis/reduction/methods/withfeedthrough.h"
#include "analysis/reduction/projection.h"
#include "analysis/reduction/varpro.h"

namespace analysis {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

class RealPoleSearch {
 public:
  RealPoleSearch(const Target& target, const Task& task) : m_target(target), m_task(task) {
    constexpr int points = 160;
    const double low = 0.3 / double(target.length()), high = 3;
    for (int i = 0; i < points; ++i) m_grid.addReal(-low * std::pow(high / low, i / double(points - 1)), false);
    m_energy.resize(points);
    for (int i = 0; i < points; ++i) {
      const double p = 2 * m_grid.logPoles[i].real();
      m_energy[i] = std::expm1(p * double(target.length())) / std::expm1(p);  // sum e^(pn)
    }
  }

  // The best of the two most promising additions to `poles`, polished; empty when neither basis is regular.
  std::optional<VarproResult> grown(const PoleSet& poles) const {
    const Index length = m_target.length();
    VectorXd residual = m_target.sequence().values();
    if (poles.rows() > 0) {
      Projection present(m_target);
      if (!present.evaluate(poles)) return {};
      residual -= poles.synthesis(present.coefficients(), length);
    }
    std::optional<VarproResult> best;
    for (const Index k : promising(residual, poles)) {
      PoleSet candidate = poles;
      candidate.addReal(m_grid.logPoles[k].real(), false);
      auto result = varpro(m_target, candidate, {.maxSteps = 25}, m_task);
      if (result.why != VarproStop::singularStart && (!best || result.squaredError < best->squaredError))
        best = std::move(result);
    }
    return best;
  }

 private:
  // Grid points of the two largest gains (e, phi)^2 / (phi, phi), away from the poles already there.
  std::array<Index, 2> promising(const VectorXd& residual, const PoleSet& poles) const {
    Transform transform;
    transform.compute(BlockedSequence(residual), m_grid, false);
    VectorXd gain = transform.sums().cwiseAbs2().cwiseQuotient(m_energy);
    for (Index k = 0; k < gain.size(); ++k)
      for (const auto s : poles.logPoles)
        if (std::abs(std::log(m_grid.logPoles[k].real() / s.real())) < 0.05) gain[k] = 0;
    Index first = 0, second = 0;
    gain.maxCoeff(&first);
    gain[first] = -1;
    gain.maxCoeff(&second);
    return {first, second};
  }

  const Target& m_target;
  const Task& m_task;
  PoleSet m_grid;
  VectorXd m_energy;
};

Poles poles(std::span<const double> g, int order, const Task& task) {
  const Target target(withFeedthrough(g));
  const RealPoleSearch search(target, task);
  PoleSet poles;
  double error = 1;
  for (int k = 0; k < order; ++k) {
    task.report(double(k) / (2 * order), "placing real poles");
    const auto next = search.grown(poles);
    if (!next) break;  // more poles than the data can tell apart
    poles = next->poles;
    error = next->squaredError;
  }
  for (int k = 0, count = poles.rows(); k < count; ++k) {
    task.report(0.5 + double(k) / (2 * count), "placing poles anew");
    const int oldest = 0;
    PoleSet others = poles.without(std::span(&oldest, 1));
    const auto next = search.grown(others);
    if (next && next->squaredError < error * (1 - 1e-4)) {
      poles = next->poles;
      error = next->squaredError;
    } else {  // to the back of the queue
      others.addReal(poles.logPoles[0].real(), false);
      poles = others;
    }
  }
  Poles out;
  for (const auto s : poles.logPoles) out.push_back(std::exp(s.real()));
  return out;
}

}  // namespace

Method realPoles() {
  return {.name = "real-poles",
          .title = "Real poles only",
          .source = "format of Evo 2 (Brixi et al. 2025, Hyena-LI); greedy pursuit and variable projection",
          .cost = "4 d fits of 25 steps, each O(M d + 200 d^2 + 5 d^3)",
          .slow = true,
          .algorithm = poles};
}

}  // namespace analysis
