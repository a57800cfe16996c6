// The data of one fit: the sequence g[n] = h[n+1], scaled to unit norm and laid out for fast z-transforms.
#pragma once

#include <Eigen/Core>
#include <span>
#include <string>
#include <vector>

#include "analysis/reduction/poleset.h"
#include "analysis/reduction/powers.h"

namespace analysis {

// A sequence cut into columns of one block length, padded with zeros.
class BlockedSequence {
 public:
  explicit BlockedSequence(Eigen::VectorXd values);

  Eigen::Index length() const { return m_length; }
  Eigen::Map<const Eigen::VectorXd> values() const { return {m_blocks.data(), m_length}; }
  const Eigen::MatrixXd& blocks() const { return m_blocks; }

 private:
  Eigen::Index m_length;
  Eigen::MatrixXd m_blocks;  // block length (about the root of the length) x number of blocks
};

// x = sum_n g[n] phi[n] and, where asked for, y = sum_n n g[n] phi[n] for every basis function of a pole set.
// Inner sums over a block by one matrix product, outer sums over the blocks: O(length * order). Keeps its buffers.
class Transform {
 public:
  void compute(const BlockedSequence&, const PoleSet&, bool moment);
  const Eigen::VectorXd& sums() const { return m_sums; }
  const Eigen::VectorXd& moments() const { return m_moments; }

 private:
  PowerTable m_inner, m_outer;
  Eigen::MatrixXd m_table, m_partial;
  Eigen::VectorXd m_sums, m_moments;
};

// Immutable; shared between threads.
class Target {
 public:
  // Throws Error(numerical) when a tap is not finite. taps[0] becomes the feedthrough. `subject` names the filter.
  explicit Target(std::span<const double> taps, const std::string& subject = "Filter");

  const BlockedSequence& sequence() const { return m_sequence; }
  Eigen::Index length() const { return m_sequence.length(); }  // M = L - 1
  bool isZero() const { return m_norm == 0; }
  double norm() const { return m_norm; }  // ||h[1..]||
  double feedthrough() const { return m_feedthrough; }
  // Relative error of the window, ||h - h^|| / ||h||, from a squared error of the unit-norm sequence.
  double errorRelative(double squaredError) const;

 private:
  double m_feedthrough, m_norm = 0, m_share = 0;  // share: ||h[1..]|| / ||h||
  BlockedSequence m_sequence;
};

}  // namespace analysis
