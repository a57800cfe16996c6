#include <QtTest>

#include <cmath>
#include <limits>

#include "engine/error.h"
#include "engine/sampling.h"

using namespace engine;

class TestSampling : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  // Known answers of the Random123 distribution (Salmon et al. 2011).
  void philoxKnownAnswers() {
    using C = std::array<std::uint32_t, 4>;
    QCOMPARE(philox({0, 0, 0, 0}, {0, 0}), (C{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    const std::uint32_t all = 0xffffffff;
    QCOMPARE(philox({all, all, all, all}, {all, all}), (C{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    QCOMPARE(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
             (C{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  }

  void noiseIsUniformAndKeyed() {
    double sum = 0, square = 0;
    const int count = 20000;
    for (int i = 0; i < count; ++i) {
      const double u = noise(7, 1, 5 + i / 100, i % 100);
      QVERIFY(u > 0 && u < 1);
      sum += u;
      square += u * u;
    }
    QVERIFY(std::abs(sum / count - 0.5) < 0.01);
    QVERIFY(std::abs(square / count - 1.0 / 3) < 0.01);
    QVERIFY(noise(7, 1, 5, 3) != noise(8, 1, 5, 3));
    QVERIFY(noise(7, 1, 5, 3) != noise(7, 2, 5, 3));
    QVERIFY(noise(7, 1, 5, 3) != noise(7, 1, 6, 3));
    QVERIFY(noise(7, 1, 5, 3) != noise(7, 1, 5, 2));
    QVERIFY(noise(7, 1, 5, 3) != noise(7 + (std::uint64_t{1} << 32), 1, 5, 3));
  }

  void greedyTakesLowestOfEqualsAndNeverPadding() {
    const std::vector<float> logits{1, 3, 3, 2, 9};
    QCOMPARE(sample(logits, 4, {}, 1, 0, 0), 1);
    QCOMPARE(sample(logits, 5, {}, 1, 0, 0), 4);
  }

  void frequenciesFollowSoftmax_data() {
    QTest::addColumn<double>("temperature");
    QTest::addColumn<int>("topK");
    QTest::addColumn<double>("topP");
    QTest::addColumn<QVector<double>>("expected");
    const auto softmax = [](std::vector<double> logits) {
      double total = 0;
      for (const double l : logits) total += std::exp(l);
      QVector<double> p;
      for (const double l : logits) p << std::exp(l) / total;
      return p;
    };
    const double never = -std::numeric_limits<double>::infinity();
    QTest::newRow("plain") << 1.0 << 0 << 1.0 << softmax({0, 1, 2, -1, 0.5});
    QTest::newRow("hot") << 2.0 << 0 << 1.0 << softmax({0, 0.5, 1, -0.5, 0.25});
    QTest::newRow("two best") << 1.0 << 2 << 1.0 << softmax({never, 1, 2, never, never});
    // Probabilities in order: 0.54 (2), 0.20 (1), 0.12 (0.5), 0.07, 0.03: three reach 0.8.
    QTest::newRow("nucleus") << 1.0 << 0 << 0.8 << softmax({never, 1, 2, never, 0.5});
    QTest::newRow("both") << 1.0 << 3 << 0.7 << softmax({never, 1, 2, never, never});
  }
  void frequenciesFollowSoftmax() {
    QFETCH(double, temperature);
    QFETCH(int, topK);
    QFETCH(double, topP);
    QFETCH(QVector<double>, expected);
    const std::vector<float> logits{0, 1, 2, -1, 0.5, 50};  // the last is padding
    const int count = 40000;
    QVector<double> counted(5);
    for (int position = 0; position < count; ++position)
      counted[sample(logits, 5, {temperature, topK, topP}, 3, 0, position)] += 1.0 / count;
    for (int id = 0; id < 5; ++id) {
      // Five standard deviations of the count.
      const double allowed = 5 * std::sqrt(expected[id] * (1 - expected[id]) / count);
      QVERIFY2(std::abs(counted[id] - expected[id]) <= allowed,
               qPrintable(QString("id %1: %2 for %3").arg(id).arg(counted[id]).arg(expected[id])));
    }
  }

  void refusesWhatMakesNoSense() {
    const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    QVERIFY_THROWS_EXCEPTION(Error, sample(std::vector<float>{0, nan}, 2, {}, 1, 0, 0));
    QVERIFY_THROWS_EXCEPTION(Error, sample(std::vector<float>{0, infinity}, 2, {}, 1, 0, 0));
    QCOMPARE(sample(std::vector<float>{0, nan}, 1, {}, 1, 0, 0), 0);  // padding may be anything
    QVERIFY_THROWS_EXCEPTION(Error, sample(std::vector<float>{0, 1}, 3, {}, 1, 0, 0));
    QVERIFY_THROWS_EXCEPTION(Error, sample(std::vector<float>{0, 1}, 2, {-1}, 1, 0, 0));
    QVERIFY_THROWS_EXCEPTION(Error, sample(std::vector<float>{0, 1}, 2, {1, -1}, 1, 0, 0));
    QVERIFY_THROWS_EXCEPTION(Error, sample(std::vector<float>{0, 1}, 2, {1, 0, 0}, 1, 0, 0));
    QVERIFY_THROWS_EXCEPTION(Error, sample(std::vector<float>{0, 1}, 2, {1, 0, 1.5}, 1, 0, 0));
  }
};

QTEST_GUILESS_MAIN(TestSampling)
#include "test_sampling.moc"
