// What a model hears: the autocorrelation of the input of a long convolution. With it the error that counts is the one
// of the output: for a stationary input of autocorrelation r the mean square of (h - h^) * u is e^T R e, R[n][m] =
// r[|n - m|] (reduction page, section 15.2). White input is the plain l2 error.
#pragma once

#include <Eigen/Core>
#include <span>
#include <string>
#include <vector>

namespace analysis {

// y[n] = sum_k lags[|k|] x[n+k], zero outside: R x. O(x.size() * lags.size()).
Eigen::VectorXd correlate(std::span<const double> lags, const Eigen::VectorXd& x);

class InputWeight {
 public:
  static constexpr int usualLags = 64;
  static constexpr double usualFloor = 1e-2;

  // From an autocorrelation r[0..] as it was measured (r[0] the power): scaled to r[0] = 1, tapered to `lags` lags by
  // Bartlett's window, which smooths the spectrum to about 2 pi / lags and cannot make it negative, and raised by
  // `floor` times the power as white noise, so that no frequency is free. Throws Error(input) when it is empty, not
  // finite, without power, or no autocorrelation (its spectrum is negative somewhere).
  static InputWeight measured(std::span<const double> autocorrelation, int lags = usualLags,
                              double floor = usualFloor);
  // Frequencies low..high, radians per sample in [0, pi], count in full; the others by `floor`, edges smoothed as
  // above. Throws Error(input) for another band.
  static InputWeight band(double low, double high, int lags = usualLags, double floor = usualFloor);

  // r[0..q], r[0] = 1; shorter filters use what fits.
  const std::vector<double>& autocorrelation() const { return m_lags; }
  Eigen::VectorXd correlate(const Eigen::VectorXd& x) const { return analysis::correlate(m_lags, x); }
  // Power at a frequency: r[0] + 2 sum r[k] cos(k w).
  double spectrum(double radiansPerSample) const;
  // "band 0.1-1.2", for reports.
  const std::string& name() const { return m_name; }

 private:
  InputWeight(std::vector<double> lags, double floor, std::string name);

  std::vector<double> m_lags;
  std::string m_name;
};

// (e^T R e / h^T R h)^(1/2) of the error e = h - h^ on the window. O(L q).
double errorWeighted(std::span<const double> taps, std::span<const double> model, const InputWeight&);

}  // namespace analysis
