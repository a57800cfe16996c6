#include <QTest>
#include <cmath>
#include <numbers>

#include "analysis/response/spectrum.h"

using namespace analysis;

namespace {

constexpr double pi = std::numbers::pi;

std::vector<double> geometric(double r, int length) {
  std::vector<double> h;
  for (int t = 0; t < length; ++t) h.push_back(std::pow(r, t));
  return h;
}

}  // namespace

class TestSpectrum : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  // H = 1 / (1 - r e^{-i omega}); group delay (r cos(omega) - r^2) / |1 - r e^{-i omega}|^2.
  void onePole() {
    const double r = 0.9;
    const auto h = geometric(r, 400);
    const auto s = spectrum(h);
    QVERIFY(s.frequency.size() >= 801);
    QCOMPARE(s.frequency.front(), 0.0);
    QVERIFY(std::abs(s.frequency.back() - pi) < 1e-15);
    const auto decibels = magnitudeDecibels(s);
    const auto delay = groupDelay(h, s);
    const auto angle = phase(s);
    QCOMPARE(delay.size(), s.frequency.size());
    for (std::size_t k = 0; k < s.frequency.size(); ++k) {
      const std::complex<double> denominator = 1.0 - std::polar(r, -s.frequency[k]);
      QVERIFY(std::abs(s.response[k] - 1.0 / denominator) < 1e-13);
      QVERIFY(std::abs(decibels[k] + 20 * std::log10(std::abs(denominator))) < 1e-11);
      QVERIFY(std::abs(angle[k] + std::arg(denominator)) < 1e-12);
      const double expected = (r * std::cos(s.frequency[k]) - r * r) / std::norm(denominator);
      QVERIFY(std::abs(delay[k] - expected) < 1e-10);
    }
  }
  void pureDelayUnwraps() {
    std::vector<double> h(64, 0.0);
    h[17] = -2;
    const auto s = spectrum(h);
    const auto angle = phase(s);
    const auto delay = groupDelay(h, s);
    for (std::size_t k = 0; k < angle.size(); ++k) {
      QVERIFY(std::abs(angle[k] - (angle[0] - 17 * s.frequency[k])) < 1e-10);
      QVERIFY(std::abs(delay[k] - 17) < 1e-10);
    }
  }
  void zeroFilterHasAFloorAndNoPhase() {
    const std::vector<double> h(10, 0.0);
    const auto s = spectrum(h);
    for (const double value : magnitudeDecibels(s)) QCOMPARE(value, -200.0);
    for (const double value : groupDelay(h, s)) QVERIFY(std::isnan(value));
  }
  void notchIsFloored() {
    const auto decibels = magnitudeDecibels(spectrum(std::vector<double>{1, 1}));  // zero at pi
    QVERIFY(decibels.back() >= 20 * std::log10(2.0) - 200 - 1e-9);
    QVERIFY(decibels.back() < -190);
  }
  void lengths_data() {
    QTest::addColumn<int>("length");
    for (const int length : {0, 1, 2, 3, 1000, 600000, 2100000}) QTest::addRow("%d", length) << length;
  }
  // Grids are even, bounded and exact even where the filter is longer than the grid.
  void lengths() {
    QFETCH(int, length);
    std::vector<double> h(static_cast<std::size_t>(length), 0.0);
    if (length > 0) h.back() = 1;
    const auto s = spectrum(h);
    QVERIFY(s.response.size() <= (1u << 20) && s.response.size() >= 3);
    QVERIFY(std::abs(s.frequency.back() - pi) < 1e-12);
    for (std::size_t k = 0; k < s.response.size(); k += 1 + s.response.size() / 50) {
      const double turns = std::fmod(s.frequency[k] / (2 * pi) * std::max(length - 1, 0), 1.0);
      const auto expected = length > 0 ? std::polar(1.0, -2 * pi * turns) : std::complex<double>(0);
      QVERIFY(std::abs(s.response[k] - expected) < 1e-8);
    }
  }
};

QTEST_GUILESS_MAIN(TestSpectrum)
#include "test_spectrum.moc"
