// Matching pursuit over damped sinusoids: the mode that takes most energy out of a residual, other modes left alone.
#pragma once

#include <Eigen/Core>
#include <complex>
#include <memory>
#include <vector>

#include "analysis/response/fft.h"
#include "analysis/task.h"

namespace analysis {

// Prepared for one length; immutable; thread-safe. For 12 decay rates between 0.5/M and 0.5 one transform of
// e[n] rho^n gives the inner products with rho^n cos and rho^n sin at all frequencies; the gain uses their exact 2 x 2
// Gram matrix (reduction page, 4.2d). Up to 32k samples at full rate; longer residuals are searched in windows of 2048
// samples box-averaged by 1, 8, 64 .., and twice weakly damped at full rate, and the exact gain on the whole decides.
class PairSearch {
 public:
  explicit PairSearch(Eigen::Index length, const Task& = {});

  // Log-pole of the best pair. O(12 M log M) up to 32k samples.
  std::complex<double> bestPair(const Eigen::VectorXd& residual, const Task& = {}) const;
  // Log-pole of the best real pole: w = 0 or pi. O(80 M).
  std::complex<double> bestReal(const Eigen::VectorXd& residual) const;

 private:
  struct Found {
    double gain;
    std::complex<double> logPole;
  };
  // One decay rate: what the residual is multiplied with, and the inverse Gram matrix at every frequency.
  struct Layer {
    double decay;
    Eigen::ArrayXd envelope, inverse11, inverse12, inverse22;
  };
  struct Scale {
    Scale(Eigen::Index length, int factor, const std::vector<double>& decays, const Task&);
    Found best(const Eigen::VectorXd& residual, const Task&) const;

    Eigen::Index length;
    int factor;
    RealFft<double> fft;
    std::vector<Layer> layers;
  };

  std::vector<Scale> m_scales;
};

// One for all filters of a length: tables of 12 (M + 3 FFT bins) numbers, made once and kept for the last lengths used.
std::shared_ptr<const PairSearch> sharedPairSearch(Eigen::Index length, const Task& = {});

}  // namespace analysis
