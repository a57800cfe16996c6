// Real Fourier transforms of one size (FFTW). Plans are made once per size and type and shared; making one is
// serialised, executing is thread-safe.
#pragma once

#include <complex>
#include <memory>
#include <span>
#include <vector>

namespace analysis {

template <typename Real>  // float or double
class RealFft {
 public:
  // Cost O(n log n) planning once per process and size (estimated plans).
  explicit RealFft(int size);

  int size() const;
  int bins() const;  // size/2 + 1

  // X[k] = sum_n x[n] exp(-2 pi i k n / size). Spans must have size() and bins() entries; they must not overlap.
  void forward(std::span<const Real> x, std::span<std::complex<Real>> X) const;
  // x[n] = (1/size) sum_k X[k] exp(+2 pi i k n / size) over the whole (conjugate-even) spectrum. X is overwritten.
  void inverse(std::span<std::complex<Real>> X, std::span<Real> x) const;

 private:
  struct Plan;
  std::shared_ptr<const Plan> m_plan;
};

extern template class RealFft<float>;
extern template class RealFft<double>;

// Smallest 2^a 3^b 5^c >= n: a size FFTW likes.
int fastFftSize(int n);

}  // namespace analysis
