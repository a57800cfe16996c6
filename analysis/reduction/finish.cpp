#include "analysis/reduction/finish.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

namespace analysis {

namespace {

constexpr double pi = std::numbers::pi;
constexpr double near = 0.02;
constexpr int rounds = 4;
constexpr double tolerable = 50;    // cancellation: costs less than two digits
constexpr double allowance = 2e-3;  // of the squared error, for calming
constexpr double lasting = 0.01;    // decay over the window of a pole that is a constant there

double peakOf(const Target& target) {
  return target.isZero() ? 0 : target.sequence().all().rowwise().norm().maxCoeff();
}

double sizeOf(const Candidate& candidate, int row) {
  const auto c = candidate.coefficients.row(row);
  return row < candidate.poles.pairs ? std::hypot(c.norm(), candidate.coefficients.row(candidate.poles.rows() + row).norm())
                                     : c.norm();
}

// Two real poles that hardly decay over the window differ by a slow trend alone. Their residues need not be large to lose
// it in float32: the states of such poles gather rounding for as long as a sequence lasts.
bool differsByTrends(const Target& target, const PoleSet& poles) {
  int constants = 0;
  for (int k = poles.pairs; k < poles.rows(); ++k) {
    const auto s = poles.logPoles[static_cast<std::size_t>(k)];
    constants += s.imag() < 1 && -s.real() * static_cast<double>(target.length()) < lasting;
  }
  return constants > 1;
}

// Descends with a price on the residues, such that `allowed` cancellation costs `share` of the squared error: poles
// that nearly coincide drift apart until that no longer pays. Residues without the price at the end.
Candidate drifted(const Target& target, const Candidate& from, double allowed, double share, const Task& task) {
  const double size = allowed * peakOf(target);
  const VarproOptions priced{.maxSteps = 30, .tolerance = 1e-4, .ridge = share * from.squaredError / (size * size)};
  const VarproResult result = varpro(target, from.poles, priced, task);
  return result.why == VarproStop::singularStart ? from : asIs(target, result.poles, from.source, task);
}

Candidate withoutWildest(const Target& target, const Candidate& from, const Task& task) {
  std::vector<int> rows(from.poles.logPoles.size());
  std::iota(rows.begin(), rows.end(), 0);
  const auto wildest = std::max_element(rows.begin(), rows.end(),
                                        [&](int a, int b) { return sizeOf(from, a) < sizeOf(from, b); });
  return polish(target, from.poles.without(std::vector<int>{*wildest}), from.source,
                {.maxSteps = 20, .tolerance = 1e-6}, task);
}

// The better of two ways below largestCancellation.
Candidate tamed(const Target& target, const Candidate& wild, const Task& task) {
  Candidate apart = wild;
  for (double share = 1e-2; share < 1e7 && cancellation(target, apart) > largestCancellation; share *= 10)
    apart = drifted(target, apart, largestCancellation, share, task);
  Candidate fewer = wild;
  while (fewer.poles.rows() > 0 && cancellation(target, fewer) > largestCancellation)
    fewer = withoutWildest(target, fewer, task);
  const bool isApart = cancellation(target, apart) <= largestCancellation;
  return isApart && apart.squaredError < fewer.squaredError ? apart : fewer;
}

}  // namespace

PoleSet splitAndMerged(const PoleSet& poles, double closeness) {
  PoleSet result;
  std::vector<std::pair<double, bool>> added;  // decay, negative
  bool changed = false;
  for (int k = 0; k < poles.pairs; ++k) {
    const auto s = poles.logPoles[static_cast<std::size_t>(k)];
    const bool negative = s.imag() > pi / 2;
    if ((negative ? pi - s.imag() : s.imag()) < closeness * -s.real()) {
      added.emplace_back(1.25 * s.real(), negative);
      added.emplace_back(0.8 * s.real(), negative);
      changed = true;
    } else {
      result.addPair(s);
    }
  }
  for (const bool negative : {false, true}) {
    std::vector<double> decays;
    for (int k = poles.pairs; k < poles.rows(); ++k) {
      const auto s = poles.logPoles[static_cast<std::size_t>(k)];
      if ((s.imag() > 1) == negative) decays.push_back(s.real());
    }
    std::sort(decays.begin(), decays.end(), std::greater<>());
    for (std::size_t i = 0; i < decays.size(); ++i) {
      if (i + 1 < decays.size() && decays[i] - decays[i + 1] < closeness * -decays[i]) {
        const double decay = (decays[i] + decays[i + 1]) / 2, angle = 0.15 * -decay;
        result.addPair({decay, negative ? pi - angle : angle});
        ++i;
        changed = true;
      } else {
        added.emplace_back(decays[i], negative);
      }
    }
  }
  if (!changed) return {};
  for (const auto& [decay, negative] : added) result.addReal(decay, negative);
  result.clip();
  return result;
}

Candidate finished(const Target& target, Candidate candidate, const Task& task) {
  if (candidate.squaredError < gramFloor) return candidate;
  constexpr VarproOptions thorough{.maxSteps = 40, .tolerance = 1e-7};
  const auto better = [&](Candidate next) {
    if (!(next.squaredError < candidate.squaredError)) return false;
    candidate = std::move(next);
    return true;
  };
  better(polish(target, candidate.poles, candidate.source, thorough, task));
  for (int round = 0; round < rounds; ++round) {
    const PoleSet separated = splitAndMerged(candidate.poles, near);
    if (separated.rows() == 0 || !better(polish(target, separated, candidate.source, thorough, task))) break;
  }
  return candidate;
}

double cancellation(const Target& target, const Candidate& candidate) {
  double envelope = 0;
  for (int k = 0; k < candidate.poles.rows(); ++k) envelope += sizeOf(candidate, k);
  const double peak = peakOf(target);
  return peak > 0 ? envelope / peak : 1;
}

Candidate calmed(const Target& target, Candidate candidate, const Task& task) {
  constexpr VarproOptions brief{.maxSteps = 10, .tolerance = 1e-4};
  const double allowed = candidate.squaredError * (1 + allowance);
  double now = cancellation(target, candidate);
  const auto isWild = [&] { return now > tolerable || differsByTrends(target, candidate.poles); };
  const auto calmer = [&](Candidate next) {
    const double then = cancellation(target, next);
    if (next.squaredError > allowed || !(then < 0.7 * now)) return;
    candidate = std::move(next);
    now = then;
  };
  for (const double closeness : {near, 2 * near, 5 * near, 10 * near, 20 * near}) {
    if (!isWild()) break;
    const PoleSet separated = splitAndMerged(candidate.poles, closeness);
    if (separated.rows() > 0) calmer(polish(target, separated, candidate.source, brief, task));
  }
  for (const double share : {1e-3, 1e-2, 1e-1, 1.0}) {
    if (isWild()) calmer(drifted(target, candidate, tolerable, share, task));
  }
  return now > largestCancellation ? tamed(target, candidate, task) : candidate;
}

}  // namespace analysis
