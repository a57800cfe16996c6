// AAA: a rational interpolant in barycentric form whose support points are added greedily where the error is largest
// and whose weights minimise the linearised error. Support points come in conjugate pairs, and everything is written in
// the real basis of such pairs, so the poles are closed under conjugation by construction.
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <cmath>
#include <numbers>

#include "analysis/error.h"
#include "analysis/reduction/methods/catalogue.h"
#include "analysis/reduction/methods/circlesamples.h"
#include "analysis/reduction/methods/poles.h"

namespace analysis {
namespace {

using Complex = std::complex<double>;
using std::numbers::sqrt2;

class Interpolant {
 public:
  explicit Interpolant(const CircleSamples& samples)
      : m_samples(samples), m_free(samples.z.size(), true), m_fitted(samples.z.size()) {}

  int size() const { return m_columns; }

  void support(std::size_t sample) {
    m_support.push_back(sample);
    m_free[sample] = false;
    m_columns += isReal(sample) ? 1 : 2;
  }
  // Where the present interpolant is worst, real points apart.
  std::size_t worst() const {
    std::size_t best = 0;
    double largest = -1;
    for (std::size_t i = 0; i < m_fitted.size(); ++i) {
      const double error = m_free[i] && !isReal(i) ? std::abs(m_samples.value[i] - m_fitted[i]) : -1;
      if (error > largest) largest = error, best = i;
    }
    return best;
  }
  // Weights by the smallest right singular vector of the Loewner matrix, in the real basis.
  void solveWeights() {
    Eigen::MatrixXd loewner(2 * m_samples.z.size(), m_columns);
    Eigen::Index row = 0;
    for (std::size_t i = 0; i < m_samples.z.size(); ++i) {
      if (!m_free[i]) continue;
      Eigen::Index column = 0;
      for (const std::size_t j : m_support) {
        const Complex a = quotient(i, m_samples.z[j], m_samples.value[j]);
        if (isReal(j)) {
          put(loewner, row, column++, i, a);
        } else {
          const Complex b = quotient(i, std::conj(m_samples.z[j]), std::conj(m_samples.value[j]));
          put(loewner, row, column++, i, (a + b) / sqrt2);
          put(loewner, row, column++, i, Complex(0, 1) * (a - b) / sqrt2);
        }
      }
      row += isReal(i) ? 1 : 2;
    }
    loewner.conservativeResize(row, m_columns);
    const Eigen::HouseholderQR<Eigen::Ref<Eigen::MatrixXd>> qr(loewner);
    const Eigen::MatrixXd factor = loewner.topRows(m_columns).triangularView<Eigen::Upper>();
    const Eigen::JacobiSVD<Eigen::MatrixXd> svd(factor, Eigen::ComputeFullV);
    m_weights = svd.matrixV().col(m_columns - 1);
  }
  void evaluate() {
    for (std::size_t i = 0; i < m_fitted.size(); ++i) {
      if (!m_free[i]) continue;
      Complex numerator = 0, denominator = 0;
      Eigen::Index column = 0;
      for (const std::size_t j : m_support) {
        const Complex zeta = m_samples.z[j], value = m_samples.value[j];
        const Complex w = complexWeight(j, column);
        const Complex p = w / (m_samples.z[i] - zeta);
        numerator += p * value, denominator += p;
        if (!isReal(j)) {
          const Complex q = std::conj(w) / (m_samples.z[i] - std::conj(zeta));
          numerator += q * std::conj(value), denominator += q;
        }
        column += isReal(j) ? 1 : 2;
      }
      m_fitted[i] = numerator / denominator;
    }
  }
  // Zeros of sum_j w_j / (z - zeta_j): the transmission zeros of c (z - A)^-1 b without feedthrough, from the pencil
  // compressed by orthonormal bases of the complements of b and c. Infinite ones are dropped.
  Poles poles() const {
    ConjugatePoles nodes;
    std::vector<double> pairOutput, realOutput;
    Eigen::Index column = 0;
    for (const std::size_t j : m_support) {
      const Complex w = complexWeight(j, column);
      if (isReal(j)) {
        nodes.reals.push_back(m_samples.z[j].real());
        realOutput.push_back(w.real());
      } else {
        nodes.pairs.push_back(m_samples.z[j]);
        pairOutput.insert(pairOutput.end(), {w.real(), w.imag()});
      }
      column += isReal(j) ? 1 : 2;
    }
    pairOutput.insert(pairOutput.end(), realOutput.begin(), realOutput.end());
    const Eigen::MatrixXd a = realDiagonal(nodes), left = complement(realInput(nodes)),
                          right = complement(Eigen::Map<const Eigen::VectorXd>(pairOutput.data(), m_columns));
    const Eigen::MatrixXd pencil = left.transpose() * a * right, mass = left.transpose() * right;
    if (!pencil.allFinite() || !mass.allFinite()) throw noResult();
    const Eigen::GeneralizedEigenSolver<Eigen::MatrixXd> solver(pencil, mass, false);
    if (solver.info() != Eigen::Success) throw noResult();
    Poles out;
    for (Eigen::Index k = 0; k < pencil.rows(); ++k)
      if (std::abs(solver.alphas()[k]) < 1e6 * std::abs(solver.betas()[k]))
        out.push_back(solver.alphas()[k] / solver.betas()[k]);
    return out;
  }

 private:
  static Error noResult() {
    return Error(ErrorKind::numerical, "AAA", "the poles of the interpolant could not be computed",
                 "try another order");
  }
  static Eigen::MatrixXd complement(const Eigen::VectorXd& v) {
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(v);
    const Eigen::MatrixXd q = qr.householderQ();
    return q.rightCols(v.size() - 1);
  }
  bool isReal(std::size_t sample) const { return sample == 0 || sample + 1 == m_samples.z.size(); }
  Complex quotient(std::size_t i, Complex zeta, Complex value) const {
    return (m_samples.value[i] - value) / (m_samples.z[i] - zeta);
  }
  // A sample off the real axis stands for itself and its conjugate: two real equations of weight sqrt 2.
  void put(Eigen::MatrixXd& m, Eigen::Index row, Eigen::Index column, std::size_t sample, Complex x) const {
    m(row, column) = (isReal(sample) ? 1 : sqrt2) * x.real();
    if (!isReal(sample)) m(row + 1, column) = sqrt2 * x.imag();
  }
  Complex complexWeight(std::size_t sample, Eigen::Index column) const {
    return isReal(sample) ? Complex(m_weights[column]) : Complex(m_weights[column], m_weights[column + 1]) / sqrt2;
  }

  const CircleSamples& m_samples;
  std::vector<char> m_free;
  std::vector<std::size_t> m_support;
  std::vector<Complex> m_fitted;
  int m_columns = 0;
  Eigen::VectorXd m_weights;
};

Poles poles(std::span<const double> g, int order, const Task& task) {
  const CircleSamples samples(g, 1024);
  Interpolant interpolant(samples);
  interpolant.support(0);  // order + 1 support points; an odd order needs the second real one
  if (order % 2 == 1) interpolant.support(samples.z.size() - 1);
  while (interpolant.size() < order + 1) {
    task.throwIfStopped();
    interpolant.solveWeights();
    interpolant.evaluate();
    interpolant.support(interpolant.worst());
  }
  interpolant.solveWeights();
  return interpolant.poles();
}

}  // namespace

Method aaa() {
  return {.name = "aaa",
          .title = "AAA",
          .source = "Nakatsukasa, Sete and Trefethen 2018, SIAM J. Sci. Comput. 40, sections 3-4; real form",
          .cost = "O(N d^3) with N = 2048 frequencies, memory O(N d)",
          .mayBeUnstable = true,
          .algorithm = poles};
}

}  // namespace analysis
