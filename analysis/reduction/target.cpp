#include "analysis/reduction/target.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "analysis/error.h"

namespace analysis {

namespace {

using Eigen::Index;

// A power of two near the root of the length: tables of block and of blocks are then equally long.
Index blockLength(Index length) {
  const auto root = static_cast<std::size_t>(std::sqrt(static_cast<double>(std::max<Index>(length, 1))));
  return std::max<Index>(16, static_cast<Index>(std::bit_ceil(root)));
}

double scaledNorm(std::span<const double> values) {
  double peak = 0, sum = 0;
  for (const double value : values) peak = std::max(peak, std::abs(value));
  if (peak == 0) return 0;
  for (const double value : values) sum += (value / peak) * (value / peak);
  return peak * std::sqrt(sum);
}

double finiteFeedthrough(std::span<const double> taps, const std::string& subject) {
  const auto finite = [](double tap) { return std::isfinite(tap); };
  if (!std::all_of(taps.begin(), taps.end(), finite)) {
    throw Error(ErrorKind::numerical, subject, "a tap is not finite", "look at the weights it is computed from");
  }
  return taps.empty() ? 0.0 : taps[0];
}

Eigen::VectorXd unitSequence(std::span<const double> g) {
  const double norm = scaledNorm(g);
  Eigen::VectorXd unit = Eigen::VectorXd::Zero(static_cast<Index>(g.size()));
  if (norm > 0) {
    for (std::size_t n = 0; n < g.size(); ++n) unit[static_cast<Index>(n)] = g[n] / norm;
  }
  return unit;
}

}  // namespace

BlockedSequence::BlockedSequence(const Eigen::MatrixXd& values) : m_length(values.rows()), m_channels(values.cols()) {
  const Index block = blockLength(m_length), count = std::max<Index>((m_length + block - 1) / block, 1);
  m_blocks = Eigen::MatrixXd::Zero(block, count * m_channels);
  for (Index c = 0; c < m_channels; ++c) std::copy_n(values.col(c).data(), m_length, m_blocks.data() + c * block * count);
}

void Transform::compute(const BlockedSequence& sequence, const PoleSet& poles, bool moment) {
  const auto& blocks = sequence.blocks();
  const Index K = poles.rows(), B = blocks.rows(), count = sequence.blocksPerChannel(), kinds = moment ? 4 : 2;
  m_inner.fill(poles.logPoles, 1, B);
  m_outer.fill(poles.logPoles, static_cast<double>(B), count);
  m_table.resize(kinds * K, B);
  m_table.topRows(K) = m_inner.real;
  m_table.middleRows(K, K) = m_inner.imaginary;
  if (moment) {
    const Eigen::VectorXd j = Eigen::VectorXd::LinSpaced(B, 0, static_cast<double>(B - 1));
    m_table.middleRows(2 * K, K) = m_inner.real * j.asDiagonal();
    m_table.middleRows(3 * K, K) = m_inner.imaginary * j.asDiagonal();
  }
  m_partial.noalias() = m_table * blocks;
  m_sums.resize(poles.order(), sequence.channels());
  if (moment) m_moments.resize(poles.order(), sequence.channels());
  Eigen::ArrayXd re(K), im(K), re1(K), im1(K);
  for (Index channel = 0; channel < sequence.channels(); ++channel) {
    for (auto* sum : {&re, &im, &re1, &im1}) sum->setZero();
    for (Index m = 0; m < count; ++m) {
      const auto zr = m_outer.real.col(m).array(), zi = m_outer.imaginary.col(m).array();
      const auto c = m_partial.col(channel * count + m).array();
      re += zr * c.segment(0, K) - zi * c.segment(K, K);
      im += zr * c.segment(K, K) + zi * c.segment(0, K);
      if (moment) {
        const auto start = static_cast<double>(m * B);
        re1 +=
            zr * (c.segment(2 * K, K) + start * c.segment(0, K)) - zi * (c.segment(3 * K, K) + start * c.segment(K, K));
        im1 +=
            zr * (c.segment(3 * K, K) + start * c.segment(K, K)) + zi * (c.segment(2 * K, K) + start * c.segment(0, K));
      }
    }
    m_sums.col(channel) << re.matrix(), im.head(poles.pairs).matrix();
    if (moment) m_moments.col(channel) << re1.matrix(), im1.head(poles.pairs).matrix();
  }
}

Target::Target(std::span<const double> taps, const std::string& subject)
    : m_feedthrough(finiteFeedthrough(taps, subject)), m_sequence(unitSequence(taps.empty() ? taps : taps.subspan(1))) {
  if (taps.size() < 2) return;
  m_norm = scaledNorm(taps.subspan(1));
  const double whole = scaledNorm(taps);
  m_share = whole > 0 ? m_norm / whole : 0;
}

Target::Target(std::span<const double> taps, const InputWeight& weight, const std::string& subject)
    : Target(taps, subject) {
  if (isZero()) return;
  const Eigen::VectorXd g = m_sequence.values();
  Eigen::VectorXd h(g.size() + 1);  // on the scale of g
  h << m_feedthrough / m_norm, g;
  const Eigen::VectorXd correlated = weight.correlate(g);
  const double energy = g.dot(correlated), whole = h.dot(weight.correlate(h));
  if (!(energy > 0)) {
    throw Error(ErrorKind::numerical, subject, "nothing of it is left under the input weight",
                "widen the band or raise its floor");
  }
  std::vector<double> lags = weight.autocorrelation();
  lags.resize(std::min<std::size_t>(lags.size(), static_cast<std::size_t>(g.size())));
  for (double& lag : lags) lag /= energy;
  m_weight = std::make_shared<const Weight>(
      Weight{std::move(lags), BlockedSequence(Eigen::VectorXd(correlated / energy)), std::sqrt(energy / whole)});
}

Target::Target(const Eigen::MatrixXd& sequences)
    : m_norm(sequences.norm()), m_share(1), m_sequence(m_norm > 0 ? Eigen::MatrixXd(sequences / m_norm) : sequences) {
  if (!std::isfinite(m_norm)) {
    throw Error(ErrorKind::numerical, "Filters with common poles", "their taps are not finite",
                "look at the weights they are computed from");
  }
}

double Target::squaredError(const Eigen::MatrixXd& residual) const {
  if (!m_weight) return residual.squaredNorm();
  return residual.col(0).dot(correlate(m_weight->lags, residual.col(0)));
}

double Target::errorRelative(double squaredError) const {
  return m_share * std::sqrt(std::max(squaredError, 0.0));
}

double Target::errorWeighted(double squaredError) const {
  return (m_weight ? m_weight->share : m_share) * std::sqrt(std::max(squaredError, 0.0));
}

}  // namespace analysis
