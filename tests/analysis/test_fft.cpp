#include <QTest>
#include <cmath>
#include <numbers>
#include <thread>

#include "analysis/error.h"
#include "analysis/response/fft.h"

using namespace analysis;

namespace {

template <typename Real>
std::vector<Real> wave(int n) {
  std::vector<Real> x(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) x[static_cast<std::size_t>(i)] = static_cast<Real>(std::sin(0.7 * i) + 0.1 * (i % 7));
  return x;
}

template <typename Real>
double errorAgainstSums(int n, std::size_t offset) {
  const auto x = wave<Real>(n);
  // An odd offset makes the array unaligned for vector instructions: the other plan must give the same transform.
  std::vector<Real> shifted(x.size() + offset);
  std::copy(x.begin(), x.end(), shifted.begin() + static_cast<std::ptrdiff_t>(offset));
  const RealFft<Real> fft(n);
  std::vector<std::complex<Real>> X(static_cast<std::size_t>(fft.bins()));
  fft.forward(std::span<const Real>(shifted).subspan(offset), X);
  double worst = 0;
  for (int k = 0; k < fft.bins(); ++k) {
    std::complex<double> sum = 0;
    for (int i = 0; i < n; ++i) {
      const double angle = -2 * std::numbers::pi * (static_cast<long long>(i) * k % n) / n;
      sum += static_cast<double>(x[static_cast<std::size_t>(i)]) * std::polar(1.0, angle);
    }
    worst = std::max(worst, std::abs(sum - std::complex<double>(X[static_cast<std::size_t>(k)])));
  }
  std::vector<Real> back(x.size() + offset);
  fft.inverse(X, std::span(back).subspan(offset));
  for (std::size_t i = 0; i < x.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(x[i] - back[i + offset])));
  return worst / n;
}

}  // namespace

class TestFft : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void matchesDirectSums_data() {
    QTest::addColumn<int>("size");
    for (const int n : {1, 2, 3, 8, 45, 127, 128, 600}) QTest::addRow("%d", n) << n;
  }
  void matchesDirectSums() {
    QFETCH(int, size);
    for (const std::size_t offset : {0, 1}) {
      QVERIFY(errorAgainstSums<double>(size, offset) < 1e-15);
      QVERIFY(errorAgainstSums<float>(size, offset) < 1e-6);
    }
  }
  void sharedBetweenThreads() {
    std::vector<std::thread> threads;
    std::vector<double> errors(8, 1.0);
    for (std::size_t t = 0; t < errors.size(); ++t)
      threads.emplace_back([&errors, t] { errors[t] = errorAgainstSums<double>(90 + static_cast<int>(t % 3), t % 2); });
    for (auto& thread : threads) thread.join();
    for (const double error : errors) QVERIFY(error < 1e-15);
  }
  void refusesEmptySizes() { QVERIFY_THROWS_EXCEPTION(Error, RealFft<double>(0)); }
  void fastSizes() {
    QCOMPARE(fastFftSize(0), 1);
    QCOMPARE(fastFftSize(1), 1);
    QCOMPARE(fastFftSize(7), 8);
    QCOMPARE(fastFftSize(11), 12);
    QCOMPARE(fastFftSize(3069), 3072);
    for (int n = 2; n < 3000; ++n) {
      // Brute force: the next number without a prime factor above 5.
      int expected = n;
      const auto smooth = [](int m) {
        for (const int prime : {2, 3, 5})
          while (m % prime == 0) m /= prime;
        return m == 1;
      };
      while (!smooth(expected)) ++expected;
      QCOMPARE(fastFftSize(n), expected);
    }
  }
};

QTEST_GUILESS_MAIN(TestFft)
#include "test_fft.moc"
