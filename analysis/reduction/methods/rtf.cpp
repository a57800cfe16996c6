// Fits in the parametrisation of RTF: numerator and denominator coefficients.
#include "analysis/reduction/methods/rtf.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/reduction/methods/adam.h"
#include "analysis/reduction/methods/catalogue.h"
#include "analysis/reduction/methods/linearprediction.h"
#include "analysis/reduction/methods/poles.h"
#include "analysis/reduction/tallleastsquares.h"
#include "analysis/response/fft.h"

namespace analysis {
namespace {

using Complex = std::complex<double>;
using Eigen::Index;

// y[n] = x[n] - a_1 y[n-1] - ... - a_d y[n-d]
std::vector<double> dividedBy(std::span<const double> a, std::span<const double> x) {
  std::vector<double> y(x.begin(), x.end());
  for (std::size_t n = 1; n < y.size(); ++n) {
    const std::size_t terms = std::min(n, a.size());
    double sum = 0;
    for (std::size_t k = 1; k <= terms; ++k) sum += a[k - 1] * y[n - k];
    y[n] -= sum;
  }
  return y;
}

// Coefficients (a, b) of min || (b delta - a g)/a_before - g/a_before ||: the two signals are prefiltered by the last
// a.
Eigen::VectorXd prefilteredFit(std::span<const double> g, std::span<const double> impulse, int order) {
  const auto length = static_cast<Index>(g.size());
  const Index unknowns = 2 * static_cast<Index>(order);
  TallLeastSquares equations(unknowns);
  for (Index first = 0; first < length; first += equations.blockRows()) {
    const Index count = std::min(equations.blockRows(), length - first);
    Eigen::MatrixXd block = Eigen::MatrixXd::Zero(count, unknowns + 1);
    for (Index i = 0; i < count; ++i) {
      const Index n = first + i;
      for (Index k = 1; k <= std::min<Index>(order, n); ++k) block(i, k - 1) = -g[n - k];
      for (Index k = 0; k < std::min<Index>(order, n + 1); ++k) block(i, order + k) = impulse[n - k];
      block(i, unknowns) = g[n];
    }
    equations.add(block);
  }
  return equations.solve(1e-12, true);
}

Poles steiglitzMcBride(std::span<const double> g, int order, const Task& task) {
  return steiglitzMcBrideFit(g, order, task).poles;
}

// Mean square error of the periodised kernel over (a, b) and its gradient, all through real FFTs of L = M + 1 points.
class PeriodicLoss {
 public:
  PeriodicLoss(std::span<const double> g, int order)
      : m_order(order),
        m_length(static_cast<int>(g.size()) + 1),
        m_fft(m_length),
        m_target(m_length, 0.0),
        m_time(m_length),
        m_a(m_fft.bins()),
        m_b(m_fft.bins()),
        m_error(m_fft.bins()),
        m_work(m_fft.bins()) {
    std::copy(g.begin(), g.end(), m_target.begin() + 1);
    for (const double x : g) m_energy += x * x;
  }

  double operator()(const Eigen::VectorXd& x, Eigen::VectorXd& gradient) {
    transform(1, x.head(m_order), m_a);
    transform(0, x.tail(m_order), m_b);
    for (std::size_t k = 0; k < m_a.size(); ++k) {
      m_a[k] = 1.0 / m_a[k];
      m_work[k] = m_b[k] * m_a[k];
    }
    m_fft.inverse(m_work, m_time);
    double f = 0;
    for (int n = 0; n < m_length; ++n) {
      m_time[n] -= m_target[n];
      f += m_time[n] * m_time[n];
    }
    m_fft.forward(m_time, m_error);
    for (std::size_t k = 0; k < m_a.size(); ++k) m_work[k] = m_error[k] * std::conj(m_a[k]);
    collect(1, gradient.tail(m_order));
    for (std::size_t k = 0; k < m_a.size(); ++k) m_work[k] = -m_error[k] * std::conj(m_b[k] * m_a[k] * m_a[k]);
    collect(1, gradient.head(m_order));
    f /= m_energy;
    if (!std::isfinite(f) || !gradient.allFinite()) {  // a pole of the kernel fell on the FFT grid: stay put
      gradient.setZero();
      return std::numeric_limits<double>::infinity();
    }
    return f;
  }

 private:
  void transform(double first, const Eigen::Ref<const Eigen::VectorXd>& c, std::vector<Complex>& out) {
    std::fill(m_time.begin(), m_time.end(), 0.0);
    m_time[0] = first;
    std::copy(c.begin(), c.end(), m_time.begin() + 1);
    m_fft.forward(m_time, out);
  }
  void collect(int first, Eigen::Ref<Eigen::VectorXd> out) {
    m_fft.inverse(m_work, m_time);
    for (int j = 0; j < m_order; ++j) out[j] = 2 / m_energy * m_time[first + j];
  }

  int m_order, m_length;
  RealFft<double> m_fft;
  double m_energy = 0;
  std::vector<double> m_target, m_time;
  std::vector<Complex> m_a, m_b, m_error, m_work;
};

}  // namespace

SteiglitzMcBride steiglitzMcBrideFit(std::span<const double> g, int order, const Task& task) {
  constexpr int rounds = 30;
  std::vector<double> delta(g.size(), 0.0);
  delta[0] = 1;
  SteiglitzMcBride best;
  ConjugatePoles poles = stabilised(conjugatePoles(polynomialRoots(linearPrediction(g, order, task))));
  double lowest = std::numeric_limits<double>::infinity();
  for (int round = 0; round < rounds; ++round) {
    task.throwIfStopped();
    auto a = polynomialFromRoots(poles);
    const Eigen::VectorXd x = prefilteredFit(dividedBy(a, g), dividedBy(a, delta), order);
    if (!x.allFinite()) break;
    poles = stabilised(conjugatePoles(polynomialRoots({x.data(), static_cast<std::size_t>(order)})));
    a = polynomialFromRoots(poles);
    std::vector<double> b(x.begin() + order, x.end()), impulse(g.size(), 0.0);
    std::copy_n(b.begin(), std::min(b.size(), impulse.size()), impulse.begin());
    const auto y = dividedBy(a, impulse);
    double error = 0;
    for (std::size_t n = 0; n < g.size(); ++n) error += (g[n] - y[n]) * (g[n] - y[n]);
    if (error < lowest || round == 0) {
      lowest = error;
      best.rational = {0, std::move(b), std::move(a)};
      best.poles = poles.all();
    }
  }
  return best;
}

Method rtfSteiglitzMcBride() {
  return {.name = "rtf",
          .title = "Rational transfer function (Steiglitz-McBride)",
          .source = "Steiglitz and McBride 1965, IEEE Trans. Autom. Control 10; RTF form Parnichkun et al. 2024",
          .cost = "30 rounds of O(M d^2), memory O(M + d^2)",
          .algorithm = steiglitzMcBride};
}

Method rtfGradient() {
  return {.name = "rtf-gradient",
          .title = "Rational transfer function (gradient descent)",
          .source = "Parnichkun et al. 2024 (State-Free Inference), section 3: kernel by FFT, zero start; Adam",
          .cost = "10000 steps of O(M log M), memory O(M)",
          .mayBeUnstable = true,
          .slow = true,
          .algorithm = [](std::span<const double> g, int order, const Task& task) {
            PeriodicLoss loss(g, order);
            const Eigen::VectorXd x =
                adam(loss, Eigen::VectorXd::Zero(2 * static_cast<Index>(order)), {.steps = 10000, .rate = 1e-3}, task);
            return polynomialRoots({x.data(), static_cast<std::size_t>(order)});
          }};
}

}  // namespace analysis
