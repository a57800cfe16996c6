// Every way of reading a prompt gives the same outputs and leaves the same state: pairwise, for prompts of any length,
// alone and before more tokens; and it takes the memory that was predicted.
#include "engine/cpu/chunks.h"
#include "engine/cpu/modal.h"
#include "engine/cpu/prefill.h"
#include "engine/load.h"
#include "engine/tables.h"

#include <QtTest>
#include <cmath>
#include <map>
#include <numbers>

#include "oracle.h"
#include "sessiontools.h"

namespace {

constexpr int vocabulary = 24;

SyntheticSizes smallSizes(int headWidth, int length, int hyenaOrder = 2) {
  SyntheticSizes sizes;
  sizes.layers = 1;
  sizes.vocabulary = sizes.vocabularySize = vocabulary;
  sizes.innerWidth = 16;
  sizes.filterLength = length;
  sizes.hyenaOrder = hyenaOrder;
  sizes.width = 20;
  if (headWidth > 1) {
    sizes.mixer = analysis::MixerKind::multiHyena;
    sizes.width = 16;
    sizes.heads = 16 / headWidth;
  }
  return sizes;
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    error += (a[i] - b[i]) * static_cast<double>(a[i] - b[i]);
    norm += b[i] * static_cast<double>(b[i]);
  }
  return a.size() == b.size() ? std::sqrt(error / norm) : 1;
}

constexpr Mixer convolutions[] = {Mixer::convolutionLazy, Mixer::convolutionTiled};
constexpr Mixer recurrences[] = {Mixer::modal, Mixer::modalBlocked, Mixer::companion};

}  // namespace

class TestPrefill : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  // A prompt by each way of each mode, then steps: all logits, against each other and against the oracle.
  void waysAgree_data() {
    QTest::addColumn<int>("order");
    QTest::addColumn<int>("headWidth");
    QTest::addColumn<int>("prompt");
    for (const int prompt : {1, 2, 15, 16, 17, 63, 64, 65, 80, 255, 256, 257, 300, 330})
      for (const int order : {2, 9, 16}) QTest::addRow("order %d, prompt %d", order, prompt) << order << 1 << prompt;
    QTest::newRow("order 1") << 1 << 1 << 100;
    QTest::newRow("order 64") << 64 << 1 << 300;
    for (const int prompt : {1, 17, 300}) QTest::addRow("heads of 8, prompt %d", prompt) << 7 << 8 << prompt;
  }
  void waysAgree() {
    QFETCH(int, order);
    QFETCH(int, headWidth);
    QFETCH(int, prompt);
    const int length = 331;
    auto checkpoint = std::make_shared<SyntheticCheckpoint>(smallSizes(headWidth, length));
    const auto distilled = randomDistilled(*checkpoint, order / 2, order % 2 ? 1 : 0, 0, 5);
    checkpoint->adopt(distilled);
    const auto original = Model::load(checkpoint), model = original->withDistilled(distilled);
    const auto ids = randomTokens(length, vocabulary, 9);
    static std::map<std::pair<int, int>, Rows> oracle;
    Rows& expected = oracle[{order, headWidth}];
    if (expected.empty()) expected = oracleLogits(*checkpoint, ids, &distilled);
    std::vector<std::vector<float>> results;
    const auto add = [&](Mixer mixer, const std::shared_ptr<const Model>& one) {
      for (const Prefill way : prefillWays(mixer, headWidth > 1)) {
        Workload w = workload(mixer, length);
        w.mode.prefill = way;
        results.push_back(logits(one, w, ids, static_cast<std::size_t>(prompt)));
        const double error = relativeError(results.back(), expected);
        QVERIFY2(error < 1e-5,
                 qPrintable(QString("%1 by %2: %3").arg(name(mixer).data(), name(way).data()).arg(error)));
      }
    };
    for (const Mixer mixer : convolutions) add(mixer, original);
    for (const Mixer mixer : convolutions) add(mixer, model);
    for (const Mixer mixer : recurrences) add(mixer, model);
    QCOMPARE(results.size(), headWidth > 1 ? 9u : 17u);
    for (std::size_t i = 0; i < results.size(); ++i)
      for (std::size_t j = 0; j < i; ++j) QVERIFY(difference(results[i], results[j]) < 1e-5);
  }

  // Several filters in turn, banks that are distilled in part, and batches: against the oracle.
  void waysMatchTheOracle_data() {
    QTest::addColumn<int>("hyenaOrder");
    QTest::addColumn<int>("keepEvery");
    QTest::newRow("order 3") << 3 << 0;
    QTest::newRow("partly distilled") << 2 << 3;
    QTest::newRow("order 4, partly distilled") << 4 << 3;
  }
  void waysMatchTheOracle() {
    QFETCH(int, hyenaOrder);
    QFETCH(int, keepEvery);
    const Case c = make(smallSizes(1, 90, hyenaOrder));
    const auto distilled = randomDistilled(*c.checkpoint, 3, 2, keepEvery, 5);
    const auto model = c.model->withDistilled(distilled);
    const auto ids = randomTokens(150, vocabulary, 4);
    const Rows expected = oracleLogits(*c.checkpoint, ids, &distilled);
    for (const Mixer mixer : recurrences)
      for (const Prefill way : prefillWays(mixer, false)) {
        Workload w = workload(mixer, 160);
        w.mode.prefill = way;
        const double error = relativeError(logits(model, w, ids, 139), expected);
        QVERIFY2(error < 1e-5,
                 qPrintable(QString("%1 by %2: %3").arg(name(mixer).data(), name(way).data()).arg(error)));
      }
  }

  // Slow poles next to 1 and -1, where a section's two states nearly cancel and rounding lives long.
  void chunksKeepSlowPoles() {
    const int length = 2000;
    const SyntheticCheckpoint checkpoint(smallSizes(1, length));
    auto distilled = randomDistilled(checkpoint, 1, 0, 0, 5);
    for (std::size_t c = 0; c < distilled.banks[0].filters.size(); ++c)
      distilled.banks[0].filters[c]->model.modes.assign(
          1, {{-1e-5, c % 2 ? 1e-3 : std::numbers::pi - 1e-3}, {0.1, 0.05}, true});
    const auto weights = loadWeights(checkpoint, *checkpoint.languageModel(), {});
    const ModalTable table = modalTable(weights->filters[0], distilled.banks[0]);
    const auto channels = static_cast<std::size_t>(table.channels);
    const auto random = randomTokens(length * table.channels, 2001, 3);
    std::vector<float> u(random.size()), y(u.size());
    for (std::size_t i = 0; i < u.size(); ++i) u[i] = static_cast<float>(random[i] - 1000) / 1000;
    cpu::Team team(1);
    Buffer<float> scratch;
    cpu::Context context{team, scratch, 0, {}};
    Meter meter = 0;
    for (const bool sections : {false, true}) {
      cpu::ModalMemory memory(table, sections ? sectionCoefficients(table, distilled.banks[0]) : Buffer<float>(), 1,
                              meter);
      memory.readPromptsBy({cpu::chunkTable(table, distilled.banks[0], sections, meter), {}});
      for (int t = 0; t < length; t += 500)  // pieces that are no whole chunks
        memory.prefill(context, 0, t, 500, u.data() + static_cast<std::size_t>(t) * channels,
                       y.data() + static_cast<std::size_t>(t) * channels);
      for (std::size_t c = 0; c < 2; ++c) {
        auto h = distilled.banks[0].filters[c]->model.impulseResponse(length);
        h[0] += distilled.banks[0].filters[c]->skip;
        double error = 0, norm = 0;
        for (std::size_t t = 0; t < h.size(); ++t) {
          double sum = 0;
          for (std::size_t s = 0; s <= t; ++s) sum += h[t - s] * u[s * channels + c];
          error += std::pow(y[t * channels + c] - sum, 2);
          norm += sum * sum;
        }
        QVERIFY2(std::sqrt(error / norm) < 1e-5, qPrintable(QString::number(std::sqrt(error / norm))));
      }
    }
  }

  void memoryIsPredicted_data() {
    QTest::addColumn<int>("keepEvery");
    QTest::newRow("distilled") << 0;
    QTest::newRow("partly distilled") << 3;
  }
  void memoryIsPredicted() {
    QFETCH(int, keepEvery);
    const Case c = make(smallSizes(1, 90, 3));
    const auto model = c.model->withDistilled(randomDistilled(*c.checkpoint, 5, 3, keepEvery, 5));
    for (const Mixer mixer :
         {Mixer::convolutionLazy, Mixer::convolutionTiled, Mixer::modal, Mixer::modalBlocked, Mixer::companion}) {
      auto ways = prefillWays(mixer, false);
      ways.push_back(Prefill::automatic);
      for (const Prefill way : ways) {
        Workload w = workload(mixer, 300, 2);
        w.mode.prefill = way;
        const Session session(model, w, Device::open("cpu", 2));
        const MemoryUse use = session.memory();
        const Footprint predicted = footprint(model->shape(), w, 2);
        const std::string what = std::string(name(mixer)) + " by " + std::string(name(way));
        QVERIFY2(use.tableBytes == predicted.tableBytes, what.c_str());
        QVERIFY2(use.stateBytes == 2 * predicted.stateBytesPerSequence, what.c_str());
        QVERIFY2(use.cacheBytes == 2 * predicted.cacheBytesPerSequence, what.c_str());
        QVERIFY2(use.workspaceBytes == predicted.workspaceBytes, what.c_str());
      }
    }
  }

  void bitsDoNotDependOnThreads() {
    const Case c = make(smallSizes(1, 400));
    const auto model = c.model->withDistilled(randomDistilled(*c.checkpoint, 3, 2, 4, 5));
    const auto ids = randomTokens(320, vocabulary, 3);
    for (const Mixer mixer : {Mixer::convolutionLazy, Mixer::convolutionTiled, Mixer::modal, Mixer::companion})
      for (const Prefill way : prefillWays(mixer, false)) {
        Workload w = workload(mixer, 330);
        w.mode.prefill = way;
        const auto one = logits(model, w, ids, 300, 1);
        QVERIFY(!one.empty());
        QCOMPARE(logits(model, w, ids, 300, 3), one);
      }
  }

  // The cheapest by the measured costs: a choice among the mode's ways that depends on nothing but the request.
  void automaticTakesTheCheapest() {
    for (const int tokens : {1, 10, 100, 1000, 10000, 100000}) {
      const auto cost = [&](Prefill way) {
        return cpu::prefillNanoseconds(way, Mixer::convolutionLazy, 0, tokens, tokens);
      };
      const Prefill way = cpu::convolutionWay(Prefill::automatic, tokens, tokens);
      QVERIFY(cost(way) == std::min(cost(Prefill::fft), cost(Prefill::toeplitz)));
    }
    QCOMPARE(cpu::convolutionWay(Prefill::automatic, 32, 32), Prefill::toeplitz);
    QCOMPARE(cpu::convolutionWay(Prefill::automatic, 32768, 32768), Prefill::fft);
    QCOMPARE(cpu::convolutionWay(Prefill::fft, 32, 32), Prefill::fft);
    const Case c = make(smallSizes(1, 90));
    const auto model = c.model->withDistilled(randomDistilled(*c.checkpoint, 8, 0, 0, 5));
    Workload w = workload(Mixer::modal, 512);
    QCOMPARE(cpu::recurrenceWay(model->shape(), w), Prefill::chunkedModal);
    w.capacityTokens = 4;
    QCOMPARE(cpu::recurrenceWay(model->shape(), w), Prefill::scan);
    w.capacityTokens = 512;
    w.mode.mixer = Mixer::companion;  // cheaper to scan
    QCOMPARE(cpu::recurrenceWay(model->shape(), w), Prefill::scan);
    w.mode.prefill = Prefill::stateFree;
    QCOMPARE(cpu::recurrenceWay(model->shape(), w), Prefill::stateFree);
  }

  void otherWaysAreRefused() {
    for (const int headWidth : {1, 8}) {
      auto checkpoint = std::make_shared<SyntheticCheckpoint>(smallSizes(headWidth, 60));
      const auto model = Model::load(checkpoint)->withDistilled(randomDistilled(*checkpoint, 2, 1, 0, 5));
      for (const Mixer mixer :
           {Mixer::convolutionLazy, Mixer::convolutionTiled, Mixer::modal, Mixer::modalBlocked, Mixer::companion}) {
        const auto ways = prefillWays(mixer, headWidth > 1);
        for (const Prefill way :
             {Prefill::fft, Prefill::toeplitz, Prefill::scan, Prefill::chunkedModal, Prefill::stateFree}) {
          Workload w = workload(mixer, 60);
          w.mode.prefill = way;
          const std::string error = errorOf([&] { Session(model, w, Device::open("cpu", 1)); });
          if (std::find(ways.begin(), ways.end(), way) != ways.end())
            QCOMPARE(error, std::string());
          else
            QVERIFY2(error.find("prefill by " + std::string(name(way))) != std::string::npos &&
                         error.find("choose " + std::string(name(ways.front()))) != std::string::npos,
                     error.c_str());
        }
      }
    }
  }
};

QTEST_GUILESS_MAIN(TestPrefill)
#include "test_prefill.moc"
