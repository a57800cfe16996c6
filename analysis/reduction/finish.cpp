#include "analysis/reduction/finish.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

namespace analysis {

namespace {

constexpr double pi = std::numbers::pi;
constexpr double near = 0.02;
constexpr int rounds = 4;
constexpr double tolerable = 50;    // cancellation: costs less than two digits
constexpr double allowance = 2e-3;  // of the squared error, for calming

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
  const PoleSet& poles = candidate.poles;
  for (int k = 0; k < poles.rows(); ++k) {
    const auto c = candidate.coefficients.row(k);
    envelope += k < poles.pairs ? std::hypot(c.norm(), candidate.coefficients.row(poles.rows() + k).norm()) : c.norm();
  }
  const double peak = target.sequence().all().rowwise().norm().maxCoeff();
  return peak > 0 ? envelope / peak : 1;
}

Candidate calmed(const Target& target, Candidate candidate, const Task& task) {
  constexpr VarproOptions brief{.maxSteps = 10, .tolerance = 1e-4};
  const double allowed = candidate.squaredError * (1 + allowance);
  double now = cancellation(target, candidate);
  for (const double closeness : {near, 2 * near, 5 * near, 10 * near, 20 * near}) {
    if (now <= tolerable) break;
    const PoleSet separated = splitAndMerged(candidate.poles, closeness);
    if (separated.rows() == 0) continue;
    Candidate next = polish(target, separated, candidate.source, brief, task);
    const double then = cancellation(target, next);
    if (next.squaredError <= allowed && then < 0.7 * now) {
      candidate = std::move(next);
      now = then;
    }
  }
  return candidate;
}

}  // namespace analysis
