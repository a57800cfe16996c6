#include "analysis/reduction/starts.h"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <utility>

#include "analysis/response/lanczos.h"

namespace analysis {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double smallestSigma = 1e-14;  // relative: below it a singular vector is rounding noise
constexpr int averagedSamples = 2048;

// Lanczos steps for `count` pairs good enough to start from.
int steps(int count) {
  return 2 * count + 10;
}

Index usable(const VectorXd& values) {
  Index count = 0;
  while (count < values.size() && std::abs(values[count]) > smallestSigma * std::abs(values[0])) ++count;
  return count;
}

std::span<const double> data(const Target& target) {
  return {target.sequence().values().data(), static_cast<std::size_t>(target.length())};
}

std::vector<double> moduli(const VectorXd& values) {
  std::vector<double> result;
  for (const double value : values) result.push_back(std::abs(value));
  return result;
}

}  // namespace

SpectralStart SpectralStart::balanced(const Target& target, int maxOrder, const Task& task) {
  SpectralStart start;
  const int size = static_cast<int>(target.length());
  if (target.isZero()) return start;
  const auto pairs = lanczos(HankelOperator(data(target), size), maxOrder, steps(maxOrder), task);
  start.m_sigma = moduli(pairs.values);
  const auto V = pairs.vectors.leftCols(usable(pairs.values));
  start.m_cross.noalias() = V.topRows(size - 1).transpose() * V.bottomRows(size - 1);
  return start;
}

// With orthonormal O: O[:-1]^T O[:-1] = 1 - last last^T.
SpectralStart SpectralStart::halfWindow(const Target& target, int maxOrder, const Task& task) {
  SpectralStart start;
  const int size = (static_cast<int>(target.length()) + 1) / 2;
  if (target.isZero()) return start;
  const auto pairs = lanczos(HankelOperator(data(target), size), maxOrder, steps(maxOrder), task);
  start.m_sigma = moduli(pairs.values);
  const Index count = usable(pairs.values);
  const auto V = pairs.vectors.leftCols(count);
  start.m_cross.noalias() = V.topRows(size - 1).transpose() * V.bottomRows(size - 1);
  const VectorXd last = V.row(size - 1);
  start.m_gram = MatrixXd::Identity(count, count) - last * last.transpose();
  return start;
}

// O = D^-1 U satisfies O[1:] = O[:-1] A; both sides times D[1:] is well scaled.
SpectralStart SpectralStart::weighted(const Target& target, int maxOrder, const Task& task) {
  SpectralStart start;
  const int size = static_cast<int>(target.length());
  if (target.isZero()) return start;
  const auto halfs = halfWeights(size);
  const auto pairs = lanczos(HankelOperator(data(target), size, halfs), maxOrder, steps(maxOrder), task);
  start.m_sigma = moduli(pairs.values);
  const auto U = pairs.vectors.leftCols(usable(pairs.values));
  const Eigen::Map<const VectorXd> D(halfs.data(), size);
  const MatrixXd X = D.tail(size - 1).cwiseQuotient(D.head(size - 1)).asDiagonal() * U.topRows(size - 1);
  start.m_gram.noalias() = X.transpose() * X;
  start.m_cross.noalias() = X.transpose() * U.bottomRows(size - 1);
  return start;
}

PoleSet SpectralStart::poles(int order) const {
  if (order < 1 || order > maxOrder()) return {};
  MatrixXd A = m_cross.topLeftCorner(order, order);
  if (m_gram.size() > 0) A = MatrixXd(m_gram.topLeftCorner(order, order).ldlt().solve(A));
  if (!A.allFinite()) return {};
  const Eigen::EigenSolver<MatrixXd> solver(A, false);
  if (solver.info() != Eigen::Success) return {};
  return PoleSet::fromEigenvalues({solver.eigenvalues().data(), static_cast<std::size_t>(order)});
}

SpectralStarts::SpectralStarts(const Target& target, int maxOrder, const Task& task, int longestFullRate) {
  const auto build = [&](const Target& seen) {
    m_balanced = SpectralStart::balanced(seen, maxOrder, task);
    m_weighted = SpectralStart::weighted(seen, maxOrder, task);
    m_half = SpectralStart::halfWindow(seen, maxOrder, task);
    // A half-window spectrum that ends early tells the rank of the window; one that is merely short tells nothing.
    const int section = (static_cast<int>(seen.length()) + 1) / 2;
    m_usefulOrder = m_half.maxOrder() < std::min(section, maxOrder) ? m_half.maxOrder() : m_balanced.maxOrder();
  };
  if (target.length() <= longestFullRate) {
    build(target);
    return;
  }
  m_factor = static_cast<int>(target.length() / averagedSamples);
  const Target averaged = boxAveraged(target, target.length() / m_factor, m_factor);
  m_energyLost = std::max(0.0, 1 - averaged.norm() * averaged.norm() * m_factor);
  build(averaged);
  m_usefulOrder = std::max(m_usefulOrder, std::min<int>(maxOrder, averagedSamples));  // fast modes were averaged away
}

std::vector<SpectralStarts::Named> SpectralStarts::at(int order) const {
  std::vector<Named> starts;
  for (auto [start, name] : {std::pair{&m_balanced, "balanced"}, std::pair{&m_weighted, "weighted Hankel"},
                             std::pair{&m_half, "half window"}}) {
    PoleSet poles = mapped(start->poles(order));
    if (poles.rows() > 0) starts.push_back({std::move(poles), name});
  }
  return starts;
}

std::vector<double> SpectralStarts::sigma() const {
  std::vector<double> values = m_balanced.sigma();
  for (double& value : values) value *= m_factor > 1 ? std::sqrt(m_factor) : 1.0;
  return values;
}

PoleSet SpectralStarts::mapped(PoleSet poles) const {
  return atFullRate(std::move(poles), m_factor);
}

Target boxAveraged(const Target& target, Index window, int factor) {
  const auto g = target.sequence().values();
  const Index count = std::min(window, g.size() / factor);
  std::vector<double> taps(static_cast<std::size_t>(count) + 1, 0.0);  // the feedthrough stays zero
  for (Index i = 0; i < count; ++i) taps[static_cast<std::size_t>(i) + 1] = g.segment(i * factor, factor).mean();
  return Target(taps);
}

PoleSet atFullRate(PoleSet poles, int factor) {
  if (factor == 1) return poles;
  for (int k = 0; k < poles.rows(); ++k) {
    auto& s = poles.logPoles[static_cast<std::size_t>(k)];
    if (k >= poles.pairs) s = s.real();
    s /= factor;
  }
  poles.clip();
  return poles;
}

}  // namespace analysis
