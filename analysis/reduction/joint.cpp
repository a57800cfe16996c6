#include "analysis/reduction/joint.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <utility>

#include "analysis/error.h"
#include "analysis/reduction/exchange.h"
#include "analysis/reduction/finish.h"
#include "analysis/reduction/greedy.h"
#include "analysis/reduction/multiscale.h"
#include "analysis/reduction/pursuit.h"
#include "analysis/reduction/residues.h"
#include "analysis/reduction/starts.h"

namespace analysis {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr VarproOptions brief{.maxSteps = 15, .tolerance = 1e-4};
constexpr VarproOptions thorough{.maxSteps = 40, .tolerance = 1e-6};
constexpr double negligible = 1e-14;  // share of a component in the energy
constexpr int components = 6;         // whose poles are pooled
constexpr double duplicate = 0.05;    // relative distance of log-poles
constexpr int swapRounds = 4, fullSwapRounds = 24;

std::vector<Target> targetsOf(std::span<const std::shared_ptr<const Filter>> filters, int order) {
  const auto refuse = [](const std::string& problem, const std::string& advice) {
    throw Error(ErrorKind::input, "Common poles", problem, advice);
  };
  if (filters.empty()) refuse("there is no filter to fit", "name at least one");
  if (order < 1) refuse("order " + std::to_string(order) + " was asked for", "keep at least one state");
  std::vector<Target> targets;
  for (const auto& filter : filters) {
    if (filter->taps.size() != filters[0]->taps.size()) {
      refuse(filter->name + " is not as long as " + filters[0]->name, "share poles among filters of one length");
    }
    targets.emplace_back(filter->taps, filter->name);
  }
  return targets;
}

// The filters side by side, each with its share of its own norm, rotated to principal components, largest first.
MatrixXd principalSequences(const std::vector<Target>& targets) {
  MatrixXd G(targets[0].length(), static_cast<Index>(targets.size()));
  for (std::size_t c = 0; c < targets.size(); ++c)
    G.col(static_cast<Index>(c)) = targets[c].sequence().values() * targets[c].errorRelative(1);
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(G.transpose() * G);  // ascending
  const VectorXd& energies = solver.eigenvalues();
  Index kept = 0;
  while (kept < energies.size() && energies[energies.size() - 1 - kept] > negligible * energies.sum()) ++kept;
  return G * solver.eigenvectors().rightCols(std::max<Index>(kept, 1)).rowwise().reverse();
}

void addNew(PoleSet& pool, const PoleSet& poles) {
  for (int k = 0; k < poles.rows(); ++k) {
    const auto s = poles.logPoles[static_cast<std::size_t>(k)];
    const bool known = std::any_of(pool.logPoles.begin(), pool.logPoles.end(), [&](const auto& other) {
      return std::abs(s - other) < duplicate * std::abs(other);
    });
    if (known) continue;
    k < poles.pairs ? pool.addPair(s) : pool.addReal(s.real(), s.imag() > 1);
  }
}

// Poles that single components would choose: at the order itself and at half of it.
PoleSet pooled(const MatrixXd& sequences, int order, const Task& task) {
  PoleSet pool;
  for (Index c = 0; c < std::min<Index>(sequences.cols(), components); ++c) {
    const Target one(MatrixXd(sequences.col(c)));
    const SpectralStarts starts(one, order, task);
    for (const int d : {order, std::max(order / 2, 1)}) {
      for (const auto& [poles, name] : starts.at(d)) addNew(pool, polish(one, poles, name, brief, task).poles);
    }
  }
  return pool;
}

}  // namespace

JointFit fitTogether(std::span<const std::shared_ptr<const Filter>> filters, int order, Effort effort,
                     const Task& task) {
  const auto targets = targetsOf(filters, order);
  const MatrixXd sequences = principalSequences(targets);
  const Target joint(sequences);
  order = std::min<int>(order, static_cast<int>(joint.length()));
  Candidate best = asIs(joint, {}, "feedthrough");
  if (!joint.isZero() && order > 0) {
    const auto keepBetter = [&](Candidate next) {
      if (next.squaredError < best.squaredError) best = std::move(next);
    };
    const auto starts = pursuit(joint, pooled(sequences, order, task), order, task);
    if (!starts.empty()) keepBetter(polish(joint, starts.back(), "common poles", thorough, task));
    const auto search = sharedPairSearch(joint.length(), task);
    while (best.order() < order && best.squaredError >= gramFloor) {  // the pool was too small
      best = best.order() + 2 <= order ? withPair(joint, *search, best, "common poles", task)
                                       : withReal(joint, *search, best, "common poles", task);
    }
    if (effort != Effort::quick && best.squaredError >= gramFloor) {
      const Candidate grown = grow(joint, *search, order, task);
      keepBetter(polish(joint, grown.poles, "common poles", thorough, task));
      const int rounds = effort == Effort::full ? fullSwapRounds : swapRounds;
      keepBetter(swapped(joint, *search, best, rounds, task));
      keepBetter(finished(joint, best, task));
    }
  }
  if (!joint.isZero()) best = calmed(joint, std::move(best), task);
  JointFit result{best.poles, {}, 0};
  for (const Target& target : targets) {
    task.throwIfStopped();
    result.fits.push_back(makeFit(target, best.poles, fitResidues(target, best.poles, task), "common poles"));
    result.errorRelative += result.fits.back().errorRelative * result.fits.back().errorRelative;
  }
  result.errorRelative = std::sqrt(result.errorRelative / static_cast<double>(targets.size()));
  return result;
}

long long storedNumbers(int order, int filters, int filtersPerSet) {
  const long long sets = (filters + filtersPerSet - 1) / filtersPerSet;
  return static_cast<long long>(order) * (sets + filters) + filters;
}

}  // namespace analysis
