#include "analysis/response/fft.h"

#include <fftw3.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <map>
#include <mutex>
#include <string>

#include "analysis/error.h"

namespace analysis {

namespace {

// The two precisions of FFTW behind one set of names.
template <typename Real>
struct Fftw;

template <>
struct Fftw<double> {
  using Plan = fftw_plan;
  using Complex = fftw_complex;
  static void* allocate(std::size_t bytes) { return fftw_malloc(bytes); }
  static void release(void* memory) { fftw_free(memory); }
  static int alignment(const double* x) { return fftw_alignment_of(const_cast<double*>(x)); }
  static Plan forward(int n, double* x, Complex* X, unsigned flags) { return fftw_plan_dft_r2c_1d(n, x, X, flags); }
  static Plan inverse(int n, Complex* X, double* x, unsigned flags) { return fftw_plan_dft_c2r_1d(n, X, x, flags); }
  static void execute(Plan plan, double* x, Complex* X) { fftw_execute_dft_r2c(plan, x, X); }
  static void execute(Plan plan, Complex* X, double* x) { fftw_execute_dft_c2r(plan, X, x); }
  static void destroy(Plan plan) { fftw_destroy_plan(plan); }
};

template <>
struct Fftw<float> {
  using Plan = fftwf_plan;
  using Complex = fftwf_complex;
  static void* allocate(std::size_t bytes) { return fftwf_malloc(bytes); }
  static void release(void* memory) { fftwf_free(memory); }
  static int alignment(const float* x) { return fftwf_alignment_of(const_cast<float*>(x)); }
  static Plan forward(int n, float* x, Complex* X, unsigned flags) { return fftwf_plan_dft_r2c_1d(n, x, X, flags); }
  static Plan inverse(int n, Complex* X, float* x, unsigned flags) { return fftwf_plan_dft_c2r_1d(n, X, x, flags); }
  static void execute(Plan plan, float* x, Complex* X) { fftwf_execute_dft_r2c(plan, x, X); }
  static void execute(Plan plan, Complex* X, float* x) { fftwf_execute_dft_c2r(plan, X, x); }
  static void destroy(Plan plan) { fftwf_destroy_plan(plan); }
};

// FFTW's planner is one global state for both precisions in some builds: one lock for all of it.
std::mutex& plannerLock() {
  static std::mutex lock;
  return lock;
}

}  // namespace

// Four plans: each direction for aligned arrays (vector instructions) and for arbitrary ones. All are estimated, so
// that the algorithm, and with it the last bit of every result, does not depend on a timing.
template <typename Real>
struct RealFft<Real>::Plan {
  using Api = Fftw<Real>;

  explicit Plan(int n) : size(n) {
    const std::size_t bins = static_cast<std::size_t>(n) / 2 + 1;
    auto* x = static_cast<Real*>(Api::allocate(sizeof(Real) * static_cast<std::size_t>(n)));
    auto* X = static_cast<typename Api::Complex*>(Api::allocate(sizeof(typename Api::Complex) * bins));
    if (x && X) {
      for (const bool aligned : {false, true}) {
        const unsigned flags = FFTW_ESTIMATE | (aligned ? 0u : FFTW_UNALIGNED);
        forward[aligned] = Api::forward(n, x, X, flags);
        inverse[aligned] = Api::inverse(n, X, x, flags);
      }
    }
    Api::release(x);
    Api::release(X);
    if (!forward[0] || !forward[1] || !inverse[0] || !inverse[1]) {
      destroy();
      throw Error(ErrorKind::numerical, "Fourier transform", "no plan for size " + std::to_string(n),
                  "free some memory and try again");
    }
  }
  ~Plan() { destroy(); }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  static bool isAligned(const Real* x, const std::complex<Real>* X) {
    return Api::alignment(x) == 0 && Api::alignment(reinterpret_cast<const Real*>(X)) == 0;
  }
  void destroy() {
    for (const auto& plans : {forward, inverse}) {
      for (const auto plan : {plans[0], plans[1]})
        if (plan) Api::destroy(plan);
    }
  }

  int size;
  std::array<typename Api::Plan, 2> forward{}, inverse{};  // [aligned]
};

template <typename Real>
RealFft<Real>::RealFft(int size) {
  if (size < 1) {
    throw Error(ErrorKind::numerical, "Fourier transform", "size " + std::to_string(size) + " is not positive",
                "use a filter of at least two taps");
  }
  // Plans are kept for the life of the process: their sizes are few and repeat within a bank.
  static std::map<int, std::shared_ptr<const Plan>> plans;
  const std::lock_guard guard(plannerLock());
  std::shared_ptr<const Plan>& plan = plans[size];
  if (!plan) {
    try {
      plan = std::make_shared<const Plan>(size);
    } catch (...) {
      plans.erase(size);
      throw;
    }
  }
  m_plan = plan;
}

template <typename Real>
int RealFft<Real>::size() const {
  return m_plan->size;
}

template <typename Real>
int RealFft<Real>::bins() const {
  return m_plan->size / 2 + 1;
}

template <typename Real>
void RealFft<Real>::forward(std::span<const Real> x, std::span<std::complex<Real>> X) const {
  assert(static_cast<int>(x.size()) == size() && static_cast<int>(X.size()) == bins());
  using Api = Fftw<Real>;
  // An out-of-place real transform leaves its input alone, so the const_cast is only for FFTW's signature.
  Api::execute(m_plan->forward[Plan::isAligned(x.data(), X.data())], const_cast<Real*>(x.data()),
               reinterpret_cast<typename Api::Complex*>(X.data()));
}

template <typename Real>
void RealFft<Real>::inverse(std::span<std::complex<Real>> X, std::span<Real> x) const {
  assert(static_cast<int>(x.size()) == size() && static_cast<int>(X.size()) == bins());
  using Api = Fftw<Real>;
  Api::execute(m_plan->inverse[Plan::isAligned(x.data(), X.data())], reinterpret_cast<typename Api::Complex*>(X.data()),
               x.data());
  const Real scale = Real(1) / static_cast<Real>(size());
  for (Real& value : x) value *= scale;
}

template class RealFft<float>;
template class RealFft<double>;

int fastFftSize(int n) {
  if (n <= 1) return 1;
  long long best = std::numeric_limits<long long>::max();
  for (long long five = 1; five < 5LL * n; five *= 5) {
    for (long long three = five; three < 3LL * n; three *= 3) {
      long long product = three;
      while (product < n) product *= 2;
      best = std::min(best, product);
    }
  }
  if (best > std::numeric_limits<int>::max()) {
    throw Error(ErrorKind::numerical, "Fourier transform", "size " + std::to_string(n) + " is too large",
                "use a shorter filter");
  }
  return static_cast<int>(best);
}

}  // namespace analysis
