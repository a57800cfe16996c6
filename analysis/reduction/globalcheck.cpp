#include "analysis/reduction/globalcheck.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "analysis/error.h"
#include "analysis/reduction/candidate.h"
#include "analysis/reduction/residues.h"

namespace analysis {

namespace {

constexpr double same = 1e-3;             // relative difference of errors that counts as none
constexpr double shareOfPairs = 0.8;      // a pair rather than two reals
constexpr double shareOfNegatives = 0.1;  // among the real poles
constexpr VarproOptions descent{.maxSteps = 60, .tolerance = 1e-6};

// splitmix64 (Vigna): the same poles on every machine.
class Random {
 public:
  double uniform() {
    std::uint64_t z = (m_state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }

 private:
  std::uint64_t m_state = 1;
};

PoleSet randomPoles(Random& random, int order, double length) {
  const double slowest = 0.3 / length;
  const auto decay = [&] { return -slowest * std::pow(1 / slowest, random.uniform()); };
  PoleSet poles;
  while (poles.order() < order) {
    if (order - poles.order() >= 2 && random.uniform() < shareOfPairs) {
      const double p = decay(), u = random.uniform();
      poles.addPair({p, std::numbers::pi * u * u});
    } else {
      const double p = decay();
      poles.addReal(p, random.uniform() < shareOfNegatives);
    }
  }
  poles.clip();
  return poles;
}

}  // namespace

GlobalCheck checkGlobal(const Filter& filter, const Fit& fit, int starts, const Task& task) {
  const int order = fit.model.order();
  if (order > largestCheckedOrder) {
    throw Error(ErrorKind::input, filter.name, "random starts were asked for at order " + std::to_string(order),
                "ask at " + std::to_string(largestCheckedOrder) + " or less");
  }
  GlobalCheck check{0, 0, fit, false};
  const Target target(filter.taps, filter.name);
  if (target.isZero() || order == 0) return check;
  Random random;
  std::vector<double> errors;
  Candidate best;
  for (; check.starts < starts; ++check.starts) {
    task.throwIfStopped();
    task.report(static_cast<double>(check.starts) / starts, "random starts");
    Candidate found = polish(target, randomPoles(random, order, static_cast<double>(target.length())), "random start",
                             descent, task);
    errors.push_back(target.errorRelative(found.squaredError));
    if (found.squaredError < best.squaredError) best = std::move(found);
  }
  Fit rival = makeFit(target, best.poles, fitResidues(target, best.poles), best.source);
  check.improved = rival.errorRelative < (1 - same) * fit.errorRelative;
  if (rival.errorRelative < fit.errorRelative) check.best = std::move(rival);
  const double limit = (1 + same) * check.best.errorRelative;
  check.reached = static_cast<int>(std::count_if(errors.begin(), errors.end(), [&](double e) { return e <= limit; }));
  return check;
}

}  // namespace analysis
