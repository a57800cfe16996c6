#include "analysis/reduction/methods/modalgradient.h"

#include <algorithm>
#include <random>

#include "analysis/reduction/methods/catalogue.h"

namespace analysis {
namespace {

using Complex = std::complex<double>;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Sum over modes of weight Re(R z^n) against g, in blocks: n = first + j, so that two small tables of powers and four
// matrix products replace one large table.
class Loss {
 public:
  Loss(std::span<const double> g, int order, bool logDecays)
      : m_modes((order + 1) / 2), m_pairs(order / 2), m_logDecays(logDecays) {
    const auto length = static_cast<Index>(g.size());
    m_block = std::clamp<Index>(static_cast<Index>(std::sqrt(double(length))), 32, 512);
    const Index rows = (length + m_block - 1) / m_block;
    m_target = MatrixXd::Zero(rows, m_block);
    m_mask = MatrixXd::Zero(rows, m_block);
    for (Index n = 0; n < length; ++n) {
      m_target(n / m_block, n % m_block) = g[n];
      m_mask(n / m_block, n % m_block) = 1;
    }
    m_energy = m_target.squaredNorm();
    m_lag = VectorXd::LinSpaced(m_block, 0, double(m_block - 1));
    m_first = VectorXd::LinSpaced(rows, 0, double((rows - 1) * m_block));
    m_inner.resize(m_block, 2 * m_modes);
    m_outer.resize(rows, m_modes);
  }

  Index modes() const { return m_modes; }
  double energy() const { return m_energy; }

  // x: radii (or log-decays), angles, real parts of R, imaginary parts of R. Angles of real poles stay 0.
  Complex logPole(const VectorXd& x, Index k) const {
    return {m_logDecays ? -std::exp(x[k]) : std::log(x[k]), k < m_pairs ? x[m_modes + k] : 0};
  }

  double operator()(VectorXd& x, VectorXd& gradient) {
    const Index modes = m_modes;
    if (!m_logDecays) x.head(modes) = x.head(modes).cwiseMax(1e-9).cwiseMin(1 - 1e-9);
    MatrixXd scaled(m_outer.rows(), 2 * modes);
    for (Index k = 0; k < modes; ++k) {
      const Complex z = std::exp(logPole(x, k)), zBlock = std::exp(logPole(x, k) * double(m_block));
      const Complex residue = weight(k) * Complex(x[2 * modes + k], x[3 * modes + k]);
      Complex power = 1;
      for (Index j = 0; j < m_block; ++j, power *= z)
        m_inner(j, k) = power.real(), m_inner(j, modes + k) = power.imag();
      power = 1;
      for (Index m = 0; m < m_outer.rows(); ++m, power *= zBlock) {
        m_outer(m, k) = power;
        scaled(m, k) = (residue * power).real();
        scaled(m, modes + k) = -(residue * power).imag();
      }
    }
    MatrixXd error = (scaled * m_inner.transpose() - m_target).cwiseProduct(m_mask);
    const MatrixXd plain = error * m_inner, lagged = error * m_lag.asDiagonal() * m_inner;
    for (Index k = 0; k < modes; ++k) {
      Complex s0 = 0, s1 = 0;  // sum e z^n, sum n e z^n
      for (Index m = 0; m < m_outer.rows(); ++m) {
        const Complex inner(plain(m, k), plain(m, modes + k));
        s0 += m_outer(m, k) * inner;
        s1 += m_outer(m, k) * (Complex(lagged(m, k), lagged(m, modes + k)) + m_first[m] * inner);
      }
      const double scale = 2 * weight(k) / m_energy;
      const Complex slope = Complex(x[2 * modes + k], x[3 * modes + k]) * s1;  // with respect to the log-pole
      gradient[k] = scale * slope.real() * (m_logDecays ? -std::exp(x[k]) : 1 / x[k]);
      gradient[modes + k] = k < m_pairs ? -scale * slope.imag() : 0;
      gradient[2 * modes + k] = scale * s0.real();
      gradient[3 * modes + k] = k < m_pairs ? -scale * s0.imag() : 0;
    }
    return error.squaredNorm() / m_energy;
  }

 private:
  double weight(Index k) const { return k < m_pairs ? 2 : 1; }

  Index m_modes, m_pairs, m_block = 0;
  bool m_logDecays;
  double m_energy = 0;
  MatrixXd m_target, m_mask, m_inner;
  VectorXd m_lag, m_first;
  Eigen::MatrixXcd m_outer;
};

// Uniform in [0, 1) with the same bits everywhere (the standard's distributions differ between libraries).
double uniform(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11) * 0x1p-53;
}

double normal(std::mt19937_64& random) {
  const double radius = std::sqrt(-2 * std::log(1 - uniform(random)));
  return radius * std::cos(2 * std::numbers::pi * uniform(random));
}

}  // namespace

Poles modalGradientPoles(std::span<const double> g, int order, const ModalGradientOptions& options, const Task& task) {
  const bool logDecays = options.start == GradientStart::logDecays;
  Loss loss(g, order, logDecays);
  const Index modes = loss.modes();
  std::mt19937_64 random(options.seed);
  VectorXd x = VectorXd::Zero(4 * modes);
  for (Index k = 0; k < modes; ++k) {
    const double radius = uniform(random), angle = uniform(random);
    switch (options.start) {
      case GradientStart::ring:
        x[k] = 0.98;
        x[modes + k] = std::numbers::pi * (double(k) + 0.5) / double(modes);
        break;
      case GradientStart::random:
        x[k] = std::sqrt(0.64 + 0.36 * radius);
        x[modes + k] = std::numbers::pi * angle;
        break;
      case GradientStart::logDecays:
        x[k] = std::log(2.0 / double(g.size()) * std::pow(50.0, radius));
        x[modes + k] = std::numbers::pi * angle * angle * angle;
        break;
    }
  }
  const double size = 1e-2 * std::sqrt(loss.energy() / double(modes));
  for (Index k = 0; k < modes; ++k) x[2 * modes + k] = size * normal(random);
  for (Index k = 0; k < order / 2; ++k) x[3 * modes + k] = size * normal(random);
  const VectorXd best = adam(loss, x, options.adam, task);
  Poles poles;
  for (Index k = 0; k < modes; ++k) {
    const Complex z = std::exp(loss.logPole(best, k));
    poles.push_back(z);
    if (k < order / 2) poles.push_back(std::conj(z));
  }
  return poles;
}

Method modalGradient() {
  return {
      .name = "modal-gradient",
      .title = "Modal gradient descent",
      .source = "Massaroli et al. 2023 (Laughing Hyena Distillery), section 3.2: modal interpolation, l2 loss; Adam",
      .cost = "30000 steps of O(M d), memory O(M)",
      .slow = true,
      .algorithm = [](std::span<const double> g, int order, const Task& task) {
        return modalGradientPoles(g, order, {}, task);
      }};
}

}  // namespace analysis
