// The data of one fit: the sequence g[n] = h[n+1], scaled to unit norm and laid out for fast z-transforms. Several
// sequences side by side (channels) are fitted with one set of poles; errors may be weighted by what the model hears.
#pragma once

#include <Eigen/Core>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "analysis/reduction/inputweight.h"
#include "analysis/reduction/poleset.h"
#include "analysis/reduction/powers.h"

namespace analysis {

// Sequences cut into columns of one block length, padded with zeros; channel after channel.
class BlockedSequence {
 public:
  explicit BlockedSequence(const Eigen::MatrixXd& values);  // length x channels

  Eigen::Index length() const { return m_length; }
  Eigen::Index channels() const { return m_channels; }
  Eigen::Map<const Eigen::VectorXd> values(Eigen::Index channel = 0) const {
    return {m_blocks.col(channel * blocksPerChannel()).data(), m_length};
  }
  Eigen::Map<const Eigen::MatrixXd, 0, Eigen::OuterStride<>> all() const {
    return {m_blocks.data(), m_length, m_channels, Eigen::OuterStride<>(m_blocks.rows() * blocksPerChannel())};
  }
  const Eigen::MatrixXd& blocks() const { return m_blocks; }
  Eigen::Index blocksPerChannel() const { return m_blocks.cols() / m_channels; }

 private:
  Eigen::Index m_length, m_channels;
  Eigen::MatrixXd m_blocks;  // block length (about the root of the length) x number of blocks
};

// x = sum_n g[n] phi[n] and, where asked for, y = sum_n n g[n] phi[n] for every basis function of a pole set (rows) and
// every channel (columns).
// Inner sums over a block by one matrix product, outer sums over the blocks: O(length * order). Keeps its buffers.
class Transform {
 public:
  void compute(const BlockedSequence&, const PoleSet&, bool moment);
  const Eigen::MatrixXd& sums() const { return m_sums; }
  const Eigen::MatrixXd& moments() const { return m_moments; }

 private:
  PowerTable m_inner, m_outer;
  Eigen::MatrixXd m_table, m_partial, m_sums, m_moments;
};

// Immutable; shared between threads.
class Target {
 public:
  // Throws Error(numerical) when a tap is not finite. taps[0] becomes the feedthrough. `subject` names the filter.
  explicit Target(std::span<const double> taps, const std::string& subject = "Filter");
  // Errors e of the sequence count e^T R e instead of e^T e, R the weight's autocorrelation (q lags): squared errors of
  // such a target are weighted ones, relative to g^T R g. O(M q) more.
  Target(std::span<const double> taps, const InputWeight&, const std::string& subject = "Filter");
  // Several sequences of one length (the columns) as they are: their summed squared norm becomes 1, there is no
  // feedthrough. For poles alone.
  explicit Target(const Eigen::MatrixXd& sequences);

  const BlockedSequence& sequence() const { return m_sequence; }
  // R g, with which inner products of the weighted error are formed; the sequence itself without a weight.
  const BlockedSequence& correlated() const { return m_weight ? m_weight->correlated : m_sequence; }
  // Lags of R, scaled so that g^T R g = 1; empty without a weight.
  std::span<const double> lags() const { return m_weight ? std::span<const double>(m_weight->lags) : lagsOfNone; }
  Eigen::Index length() const { return m_sequence.length(); }  // M = L - 1
  Eigen::Index channels() const { return m_sequence.channels(); }
  bool isZero() const { return m_norm == 0; }
  double norm() const { return m_norm; }  // ||h[1..]||
  double feedthrough() const { return m_feedthrough; }
  // Squared error of what a model leaves of the (unit-norm) sequence: length x channels.
  double squaredError(const Eigen::MatrixXd& residual) const;
  // Relative error of the window, ||h - h^|| / ||h||, from an unweighted squared error of the unit-norm sequence.
  double errorRelative(double squaredError) const;
  // The same in the weighted norm, from a weighted squared error.
  double errorWeighted(double squaredError) const;

 private:
  static constexpr std::span<const double> lagsOfNone{};
  struct Weight {
    std::vector<double> lags;
    BlockedSequence correlated;
    double share;  // weighted norm of h[1..] over that of h
  };

  double m_feedthrough = 0, m_norm = 0, m_share = 0;  // share: ||h[1..]|| / ||h||
  BlockedSequence m_sequence;
  std::shared_ptr<const Weight> m_weight;
};

}  // namespace analysis
