// The Hankel matrix H = [g[i+j]] of a sequence as a linear operator, zero beyond the data. Real and symmetric, so its
// singular values are the moduli of its eigenvalues.
#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

#include "analysis/response/fft.h"

namespace analysis {

// size x size section of H, or D H D with a positive diagonal D. Immutable after construction.
class HankelOperator {
 public:
  // `weights` is empty or holds the diagonal of D. Cost: one transform of length >= 2 size - 1.
  HankelOperator(std::span<const double> g, int size, std::vector<double> weights = {});

  int size() const { return m_size; }
  // Buffers of one thread.
  struct Scratch {
    std::vector<double> signal;
    Eigen::ArrayXcd bins;
  };
  Scratch scratch() const;
  // y = (D) H (D) x. Two transforms. x and y may be the same.
  void multiply(const double* x, double* y, Scratch&) const;
  // size^2 values.
  Eigen::MatrixXd dense() const;

 private:
  int m_size;
  std::vector<double> m_weights;
  std::vector<double> m_data;  // g[0 .. 2 size - 2], zero beyond the given data
  RealFft<double> m_fft;
  Eigen::ArrayXcd m_transform;  // Eigen aligns it, so that products round alike wherever it lies
};

// sqrt(a_i), a_i = C(2i,i)/4^i, i < size: the square roots of the Taylor coefficients of (1-x)^(-1/2), so that
// sum_{i+j=n} a_i a_j = 1 for every n. As D they turn the Frobenius norm of D H D into the l2 norm of the sequence.
std::vector<double> halfWeights(int size);

}  // namespace analysis
