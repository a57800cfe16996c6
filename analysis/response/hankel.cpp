#include "analysis/response/hankel.h"

#include <algorithm>
#include <cmath>

namespace analysis {

namespace {

std::span<std::complex<double>> spanOf(Eigen::ArrayXcd& values) {
  return {values.data(), static_cast<std::size_t>(values.size())};
}

}  // namespace

// Entries p-1 .. 2p-2 of the product of g and reversed x are wanted; a cyclic product of length >= 2p-1 wraps only
// onto entries before them.
HankelOperator::HankelOperator(std::span<const double> g, int size, std::vector<double> weights)
    : m_size(size),
      m_weights(std::move(weights)),
      m_data(static_cast<std::size_t>(2 * size - 1), 0.0),
      m_fft(fastFftSize(2 * size - 1)),
      m_transform(m_fft.bins()) {
  std::copy_n(g.begin(), std::min(g.size(), m_data.size()), m_data.begin());
  std::vector<double> padded(static_cast<std::size_t>(m_fft.size()), 0.0);
  std::copy(m_data.begin(), m_data.end(), padded.begin());
  m_fft.forward(padded, spanOf(m_transform));
}

HankelOperator::Scratch HankelOperator::scratch() const {
  return {std::vector<double>(static_cast<std::size_t>(m_fft.size()), 0.0),
          Eigen::ArrayXcd(m_transform.size())};
}

void HankelOperator::multiply(const double* x, double* y, Scratch& scratch) const {
  const auto p = static_cast<std::size_t>(m_size);
  std::fill(scratch.signal.begin() + m_size, scratch.signal.end(), 0.0);
  for (std::size_t j = 0; j < p; ++j) {
    scratch.signal[p - 1 - j] = m_weights.empty() ? x[j] : m_weights[j] * x[j];
  }
  m_fft.forward(scratch.signal, spanOf(scratch.bins));
  scratch.bins *= m_transform;
  m_fft.inverse(spanOf(scratch.bins), scratch.signal);
  for (std::size_t i = 0; i < p; ++i) {
    y[i] = m_weights.empty() ? scratch.signal[p - 1 + i] : m_weights[i] * scratch.signal[p - 1 + i];
  }
}

Eigen::MatrixXd HankelOperator::dense() const {
  Eigen::MatrixXd H(m_size, m_size);
  for (Eigen::Index j = 0; j < m_size; ++j) {
    for (Eigen::Index i = 0; i < m_size; ++i) {
      const double weight =
          m_weights.empty() ? 1.0 : m_weights[static_cast<std::size_t>(i)] * m_weights[static_cast<std::size_t>(j)];
      H(i, j) = weight * m_data[static_cast<std::size_t>(i + j)];
    }
  }
  return H;
}

std::vector<double> halfWeights(int size) {
  std::vector<double> weights(static_cast<std::size_t>(size));
  double a = 1;
  for (int i = 0; i < size; ++i) {
    if (i > 0) a *= (2.0 * i - 1) / (2.0 * i);
    weights[static_cast<std::size_t>(i)] = std::sqrt(a);
  }
  return weights;
}

}  // namespace analysis
