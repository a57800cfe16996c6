// MultiHyena and the Transformer: small random models against the float64 oracle.
#include <QtTest>

#include "oracle.h"
#include "sessiontools.h"

namespace {

SyntheticSizes otherFamily(const QString& family, int headWidth) {
  SyntheticSizes sizes;
  sizes.mixer = family == "gpt" ? analysis::MixerKind::attention : analysis::MixerKind::multiHyena;
  sizes.heads = 3;
  sizes.width = 3 * headWidth;
  if (family == "gpt") sizes.positions = 160;
  return sizes;
}

Mixer mixerOf(const QString& family) {
  if (family.endsWith("blocked")) return Mixer::modalBlocked;
  if (family.endsWith("companion")) return Mixer::companion;
  if (family.endsWith("tiled")) return Mixer::convolutionTiled;
  return family == "gpt" ? Mixer::attention : family.endsWith("modal") ? Mixer::modal : Mixer::convolutionLazy;
}

}  // namespace

class TestFamilies : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void otherFamiliesMatchTheOracle_data() {
    QTest::addColumn<QString>("family");
    QTest::addColumn<int>("prompt");
    QTest::addColumn<int>("headWidth");
    for (const char* family : {"gpt", "multihyena", "multihyena tiled", "multihyena distilled", "multihyena modal",
                               "multihyena blocked", "multihyena companion"})
      for (const int prompt : {1, 2, 17, 90, 129, 150})  // prompts are taken in pieces of 128
        for (const int headWidth : {5, 8})
          QTest::addRow("%s, prompt %d, heads of %d", family, prompt, headWidth) << family << prompt << headWidth;
  }
  void otherFamiliesMatchTheOracle() {
    QFETCH(QString, family);
    QFETCH(int, prompt);
    QFETCH(int, headWidth);
    const SyntheticSizes sizes = otherFamily(family, headWidth);
    Case c = make(sizes);
    analysis::Distilled distilled;
    const bool distil = family.contains(' ') && !family.endsWith("tiled");
    if (distil) {
      distilled = randomDistilled(*c.checkpoint, 2, 1, family.endsWith("distilled") ? 3 : 0, 5);
      c.model = c.model->withDistilled(distilled);
    }
    const int tokens = std::max(prompt + 3, 100);
    const std::vector<int> ids = randomTokens(tokens, sizes.vocabulary, 9);
    const auto result = logits(c.model, workload(mixerOf(family), tokens + 1), ids, static_cast<std::size_t>(prompt));
    const Rows expected = oracleLogits(*c.checkpoint, ids, distil ? &distilled : nullptr);
    QCOMPARE(result.size(), expected.size() * expected[0].size());
    const double error = relativeError(result, expected);
    QVERIFY2(error < 1e-5, qPrintable(QString::number(error)));
  }

  void otherFamiliesKeepTheirBitsAndTheirWord_data() {
    QTest::addColumn<QString>("family");
    for (const char* family : {"gpt", "multihyena", "multihyena tiled", "multihyena distilled", "multihyena modal",
                               "multihyena blocked", "multihyena companion"})
      QTest::newRow(family) << QString(family);
  }
  void otherFamiliesKeepTheirBitsAndTheirWord() {
    QFETCH(QString, family);
    const SyntheticSizes sizes = otherFamily(family, 5);
    Case c = make(sizes);
    if (family.contains(' ') && !family.endsWith("tiled"))
      c.model = c.model->withDistilled(randomDistilled(*c.checkpoint, 2, 1, 0, 5));
    const std::vector<int> ids = randomTokens(60, sizes.vocabulary, 3);
    const auto one = logits(c.model, workload(mixerOf(family), 64), ids, 20, 1);
    QVERIFY(!one.empty());
    QCOMPARE(logits(c.model, workload(mixerOf(family), 64), ids, 20, 3), one);
    const Workload w = workload(mixerOf(family), 150, 3);
    Session batch(c.model, w, Device::open("cpu", 3));
    std::vector<Token> prompts, rest;
    for (int b = 0; b < 3; ++b) prompts.insert(prompts.end(), ids.begin(), ids.begin() + 20);
    for (int b = 0; b < 3; ++b) rest.insert(rest.end(), ids.begin() + 20, ids.end());
    prompts[25] = (prompts[25] + 1) % sizes.vocabulary;
    for (int round = 0; round < 2; ++round) {  // the second prompt must not see the first
      batch.prefill(prompts);
      batch.force(rest);
      QCOMPARE(copy(batch.logits(2)), std::vector<float>(one.end() - sizes.vocabulary, one.end()));
    }
    const Footprint predicted = footprint(c.model->shape(), w, 3);
    const MemoryUse used = batch.memory();
    QCOMPARE(used.weightBytes, predicted.weightBytes);
    QCOMPARE(used.tableBytes, predicted.tableBytes);
    QCOMPARE(used.stateBytes, predicted.stateBytesPerSequence * 3);
    QCOMPARE(used.cacheBytes, predicted.cacheBytesPerSequence * 3);
    QCOMPARE(used.workspaceBytes, predicted.workspaceBytes);
  }

  void familiesRefuseWhatTheyCannot() {
    const Case gpt = make(otherFamily("gpt", 5)), multi = make(otherFamily("multihyena", 5));
    const auto error = [](const Case& c, const Workload& w) {
      return QString::fromStdString(errorOf([&] { Session(c.model, w); }));
    };
    QVERIFY(error(gpt, workload(Mixer::convolutionLazy, 8)).contains("attention layers only"));
    QVERIFY(error(gpt, workload(Mixer::attention, 161)).contains("160 learned positions"));
    QVERIFY(error(multi, workload(Mixer::attention, 8)).contains("long convolutions"));
    const Case kept{multi.sizes, multi.checkpoint,
                    multi.model->withDistilled(randomDistilled(*multi.checkpoint, 2, 1, 3, 5))};
    QVERIFY(error(kept, workload(Mixer::modal, 8)).contains("distil all of its heads"));
  }
};

QTEST_GUILESS_MAIN(TestFamilies)
#include "test_families.moc"
