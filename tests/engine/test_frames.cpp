// H3, StripedHyena, Evo 2 and GPT-NeoX from files of a few kilobytes, against a float64 oracle that reads the same
// numbers and is written from the public implementations' formulas (direct sums, no shared code).
#include <QtTest>

#include <cmath>

#include "engine/bfloat16.h"
#include "frametools.h"
#include "sessiontools.h"

class TestFrames : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void logitsMatchTheOracle_data() {
    QTest::addColumn<QString>("frame");
    QTest::addColumn<QString>("filters");
    QTest::addColumn<int>("prompt");
    for (const char* frame : {"evo", "striped", "evo2", "h3", "neox", "neox serial"})
      for (const char* filters : {"original", "tiled", "distilled", "modal", "blocked", "companion", "bfloat16"}) {
        const bool attentive = QString(frame).startsWith("neox");
        if (attentive && QString(filters) != "original" && QString(filters) != "bfloat16") continue;
        for (const int prompt : {1, 2, 30})
          QTest::addRow("%s, %s, prompt %d", frame, filters, prompt) << QString(frame) << QString(filters) << prompt;
      }
    QTest::newRow("a prompt of several pieces") << "evo"
                                                << "original" << 150;
    QTest::newRow("a prompt of several pieces, modal") << "evo2"
                                                       << "modal" << 150;
    QTest::newRow("a prompt of several pieces, neox") << "neox"
                                                      << "original" << 150;
  }
  void logitsMatchTheOracle() {
    QFETCH(QString, frame);
    QFETCH(QString, filters);
    QFETCH(int, prompt);
    QTemporaryDir folder;
    const OpenedFrame opened = openFrame(frame, folder);
    const auto* description = opened.checkpoint->languageModel();
    QVERIFY2(description, opened.checkpoint->report().missing.empty()
                              ? "no language model"
                              : opened.checkpoint->report().missing.front().c_str());
    const bool half = filters == "bfloat16";
    auto model = Model::load(opened.checkpoint, {}, half ? WeightType::bfloat16 : WeightType::float32);
    const bool distil = filters == "distilled" || filters == "modal" || filters == "blocked" || filters == "companion";
    analysis::Distilled distilled;
    if (distil) {
      distilled = randomDistilled(*opened.checkpoint, 2, 1, 3, 7);  // every third filter keeps its taps
      model = model->withDistilled(distilled);
    }
    const int tokens = std::max(prompt + 5, 70);  // filters have ended by then
    const std::vector<int> ids = randomTokens(tokens, opened.file.vocabulary, 9);
    const Mixer mixer = frame.startsWith("neox") ? Mixer::attention
                        : filters == "tiled"     ? Mixer::convolutionTiled
                        : filters == "modal"     ? Mixer::modal
                        : filters == "blocked"   ? Mixer::modalBlocked
                        : filters == "companion" ? Mixer::companion
                                                 : Mixer::convolutionLazy;
    const Workload w = workload(mixer, tokens + 2);
    const auto result = logits(model, w, ids, static_cast<std::size_t>(prompt));
    const Rows expected = frameLogits(opened.file, ids, half, [&](int bank, int channel) {
      std::vector<double> h;
      if (!distil) return h;
      const auto& filter = distilled.banks[static_cast<std::size_t>(bank)].filters[static_cast<std::size_t>(channel)];
      if (filter) h = filter->model.impulseResponse(tokens);
      return h;
    });
    QCOMPARE(result.size(), expected.size() * expected[0].size());
    const double error = relativeError(result, expected);
    QVERIFY2(error < 1e-5, qPrintable(QString::number(error)));

    Workload three = w;
    three.batch = 3;
    const Footprint predicted = footprint(model->shape(), three, 3);
    const MemoryUse used = Session(model, three, Device::open("cpu", 3)).memory();
    QCOMPARE(used.weightBytes, predicted.weightBytes);
    QCOMPARE(used.tableBytes, predicted.tableBytes);
    QCOMPARE(used.stateBytes, predicted.stateBytesPerSequence * 3);
    QCOMPARE(used.cacheBytes, predicted.cacheBytesPerSequence * 3);
    QCOMPARE(used.workspaceBytes, predicted.workspaceBytes);
  }

  void halfWeightsTakeHalfTheMemory() {
    Case c = make({});
    const auto half = Model::load(c.checkpoint, {}, WeightType::bfloat16);
    const auto bytes = [](const std::shared_ptr<const Model>& model) {
      return Session(model, workload(Mixer::convolutionLazy, 8)).memory().weightBytes;
    };
    const auto& shape = half->shape();
    long long matrices = shape.matrixValues;
    for (const auto& block : shape.blocks) matrices += block.matrixValues;
    QCOMPARE(bytes(c.model) - bytes(half), static_cast<std::size_t>(2 * matrices));
    QCOMPARE(footprint(shape, Workload{}).weightBytes, bytes(half));
    QCOMPARE(toFloat(toBfloat16(1.0F)), 1.0F);
    QCOMPARE(toFloat(toBfloat16(1.00390625F)), 1.0F);       // a tie goes to even
    QCOMPARE(toFloat(toBfloat16(1.01171875F)), 1.015625F);  // and here upwards
    QVERIFY(std::isnan(toFloat(toBfloat16(std::nanf("")))));
    QCOMPARE(toFloat(toBfloat16(-INFINITY)), -INFINITY);
  }
};

QTEST_GUILESS_MAIN(TestFrames)
#include "test_frames.moc"
