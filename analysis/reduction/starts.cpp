#include "analysis/reduction/starts.h"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "analysis/response/lanczos.h"

namespace analysis {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;

constexpr double smallestSigma = 1e-14;  // relative: below it a singular vector is rounding noise

// Lanczos steps for `count` pairs good enough to start from.
int steps(int count) {
  return 2 * count + 10;
}

Index usable(const Eigen::VectorXd& values) {
  Index count = 0;
  while (count < values.size() && std::abs(values[count]) > smallestSigma * std::abs(values[0])) ++count;
  return count;
}

std::span<const double> data(const Target& target) {
  return {target.sequence().values().data(), static_cast<std::size_t>(target.length())};
}

std::vector<double> moduli(const Eigen::VectorXd& values) {
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
  const Index count = usable(pairs.values);
  const auto V = pairs.vectors.leftCols(count);
  start.m_cross.noalias() = V.topRows(size - 1).transpose() * V.bottomRows(size - 1);
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

}  // namespace analysis
