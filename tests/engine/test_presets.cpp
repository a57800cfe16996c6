// Random models of published sizes.
#include <QtTest>

#include <cmath>

#include "engine/error.h"
#include "engine/presets.h"
#include "engine/session.h"

using namespace engine;

class TestPresets : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void theSmallestRunsInEveryModeAlike_data() {
    QTest::addColumn<int>("headWidth");
    for (const int headWidth : {1, 8}) QTest::addRow("heads of %d", headWidth) << headWidth;
  }
  void theSmallestRunsInEveryModeAlike() {
    QFETCH(int, headWidth);
    const RandomModel model = randomModel("125m", 4, 3, 64, WeightType::float32, Residence::host, headWidth);
    QVERIFY(!model.original->distilled() && model.distilled->distilled());
    QCOMPARE(model.distilled->shape().blocks[0].states, headWidth == 1 ? 768 * 4 : 2 * 96 * 4);
    QCOMPARE(model.distilled->shape().headWidth, headWidth);
    std::vector<float> expected;
    for (const Mixer mixer : {Mixer::convolutionLazy, Mixer::convolutionTiled, Mixer::modal, Mixer::modalBlocked}) {
      Workload workload;
      workload.capacityTokens = 20;
      workload.mode.mixer = mixer;
      Session session(recurrent(mixer) ? model.distilled : model.original, workload);
      QCOMPARE(session.memory().weightBytes, footprint(model.original->shape(), workload).weightBytes);
      session.prefill(std::vector<Token>{1, 2, 3, 4, 5, 6});
      session.force(std::vector<Token>{7, 8, 9, 10, 11});
      const std::vector<float> logits(session.logits(0).begin(), session.logits(0).end());
      if (expected.empty()) expected = logits;
      double difference = 0, norm = 0;
      for (std::size_t i = 0; i < logits.size(); ++i) {
        QVERIFY(std::isfinite(logits[i]));
        difference += std::pow(logits[i] - expected[i], 2);
        norm += std::pow(expected[i], 2);
      }
      QVERIFY(norm > 0);
      QVERIFY2(std::sqrt(difference / norm) < 1e-4, qPrintable(QString::number(std::sqrt(difference / norm))));
    }
  }

  void sizesAreThePublishedOnes() {
    const auto billions = [](const Preset& p) {
      return 12.0 * p.layers * p.width * p.width * 1e-9 + 50304e-9 * p.width;
    };
    QCOMPARE(presets().size(), std::size_t{4});
    QVERIFY(std::abs(billions(presets()[0]) - 0.124) < 0.01);
    QVERIFY(std::abs(billions(presets()[2]) - 1.3) < 0.05);
    QVERIFY(std::abs(billions(presets()[3]) - 6.65) < 0.05);
    // MultiHyena of a size has about as many weights as Hyena.
    const auto weights = [](int headWidth) {
      const RandomModel model = randomModel("125m", 2, 1, 64, WeightType::float32, Residence::device, headWidth);
      return static_cast<double>(footprint(model.original->shape(), Workload{}).weightBytes);
    };
    QVERIFY(std::abs(weights(8) / weights(1) - 1) < 0.01);
  }

  void refusals() {
    for (const int order : {0, 1, 3, 258}) QVERIFY_THROWS_EXCEPTION(Error, randomModel("125m", order));
    QVERIFY_THROWS_EXCEPTION(Error, randomModel("12b", 16));
    for (const int headWidth : {0, -8, 5})
      QVERIFY_THROWS_EXCEPTION(Error, randomModel("125m", 16, 1, 64, WeightType::float32, Residence::device, headWidth));
    QVERIFY_THROWS_EXCEPTION(Error, randomModel("125m", 16, 1, -1));
  }
};

QTEST_GUILESS_MAIN(TestPresets)
#include "test_presets.moc"
