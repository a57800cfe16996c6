#include <QtTest>
#include <cmath>
#include <limits>
#include <random>

#include "widgets/envelope.h"

using widgets::Envelope;
using widgets::Extent;

class TestEnvelope : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  // Against the plain loop, for every size around the powers of the fan and every stretch.
  void everyStretch() {
    std::mt19937 random(7);
    std::normal_distribution<double> normal;
    for (const size_t size : {0u, 1u, 3u, 4u, 5u, 15u, 16u, 17u, 63u, 64u, 67u, 150u}) {
      std::vector<double> samples(size);
      for (double& sample : samples) sample = normal(random);
      if (size > 20) samples[11] = std::nan("");
      const Envelope envelope(samples);
      for (size_t first = 0; first <= size; ++first) {
        for (size_t last = first; last <= size + 2; ++last) {
          double low = std::numeric_limits<double>::infinity();
          double high = -low;
          for (size_t i = first; i < std::min(last, size); ++i) {
            if (std::isnan(samples[i])) continue;
            low = std::min(low, samples[i]);
            high = std::max(high, samples[i]);
          }
          const Extent extent = envelope.extent(first, last);
          QVERIFY(extent.low == low && extent.high == high);
        }
      }
    }
  }

  void oneSpikeInAMillion() {
    std::vector<double> samples(1'000'000, 0.5);
    samples[777'777] = 9;
    samples[123'456] = -9;
    samples[5] = std::numeric_limits<double>::infinity();
    const Envelope envelope(std::move(samples));
    QCOMPARE(envelope.extent(0, 1'000'000).high, 9.0);
    QCOMPARE(envelope.extent(0, 1'000'000).low, -9.0);
    QCOMPARE(envelope.extent(777'778, 1'000'000).high, 0.5);
    QCOMPARE(envelope.extent(777'777, 777'778).low, 9.0);
  }
};

QTEST_GUILESS_MAIN(TestEnvelope)
#include "test_envelope.moc"
