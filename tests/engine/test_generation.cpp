// Generation on its own thread, and evaluation on all cores.
#include <QtTest>

#include <chrono>
#include <cmath>
#include <thread>

#include "analysis/error.h"
#include "engine/error.h"
#include "engine/evaluate.h"
#include "engine/generation.h"
#include "oracle.h"
#include "synthetic.h"

using namespace engine;
using namespace std::chrono_literals;

namespace {

LaneRequest lane(std::shared_ptr<const Model> model, Mixer mixer, int tokens) {
  LaneRequest request;
  request.name = "lane";
  request.model = std::move(model);
  request.workload.mode.mixer = mixer;
  request.workload.capacityTokens = 3 + tokens;
  request.workload.sampling.temperature = 1;
  request.workload.seed = 5;
  request.prompt = {1, 2, 3};
  request.tokens = tokens;
  return request;
}

bool waitFor(const Generation& generation, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!generation.finished() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
  return generation.finished();
}

}  // namespace

class TestGeneration : public QObject {
  Q_OBJECT

  std::shared_ptr<const SyntheticCheckpoint> m_checkpoint;
  std::shared_ptr<const Model> m_original, m_distilled;
  analysis::Distilled m_models;

 private Q_SLOTS:
  void initTestCase() {
    m_checkpoint = std::make_shared<const SyntheticCheckpoint>(SyntheticSizes{});
    m_models = randomDistilled(*m_checkpoint, 3, 1, 0, 5);
    m_original = Model::load(m_checkpoint);
    m_distilled = m_original->withDistilled(m_models);
  }

  void lanesGiveTheTextOfASession() {
    Generation generation({lane(m_distilled, Mixer::convolutionLazy, 101), lane(m_original, Mixer::convolutionLazy, 30),
                           lane(m_distilled, Mixer::modal, 101)});
    QCOMPARE(generation.laneCount(), 3);
    std::vector<std::vector<TokenEvent>> events(3);
    while (!generation.finished()) {
      for (int i = 0; i < 3; ++i)
        for (const TokenEvent& event : generation.poll(i).events) events[static_cast<std::size_t>(i)].push_back(event);
      std::this_thread::sleep_for(1ms);
    }
    for (int i = 0; i < 3; ++i) {
      auto& all = events[static_cast<std::size_t>(i)];
      const LaneState state = generation.poll(i);
      for (const TokenEvent& event : state.events) all.push_back(event);
      QCOMPARE(state.phase, LaneState::Phase::finished);
      QCOMPARE(state.generated, i == 1 ? 30 : 101);
      QVERIFY(state.memory.weightBytes > 0 && state.prefillSeconds > 0);
      QCOMPARE(generation.timings(i).tokenSeconds.size(), static_cast<std::size_t>(state.generated));
      const LaneRequest request =
          lane(i == 1 ? m_original : m_distilled, i == 2 ? Mixer::modal : Mixer::convolutionLazy, state.generated);
      Session session(request.model, request.workload);
      session.prefill(request.prompt);
      session.decode(request.tokens);
      QCOMPARE(all.size(), session.generated(0).size());
      for (std::size_t k = 0; k < all.size(); ++k) {
        QCOMPARE(all[k].token, session.generated(0)[k]);
        QCOMPARE(all[k].position, 3 + static_cast<int>(k));
      }
    }
  }

  void cancelAnswersSoon() {
    Generation generation({lane(m_original, Mixer::convolutionLazy, 200'000)});
    while (generation.poll(0).generated == 0) std::this_thread::sleep_for(1ms);
    generation.cancel();
    QVERIFY(waitFor(generation, 5s));  // a hang fails; how soon is the benchmark's to say
    const LaneState state = generation.poll(0);
    QCOMPARE(state.phase, LaneState::Phase::stopped);
    QVERIFY(state.generated < 200'000);
  }

  void pauseHoldsAndReleases() {
    Generation generation({lane(m_original, Mixer::convolutionLazy, 200)});
    generation.pause(true);
    std::this_thread::sleep_for(30ms);
    const int before = generation.poll(0).generated;
    std::this_thread::sleep_for(60ms);
    QVERIFY(generation.poll(0).generated <= before + 4);  // the turn that had begun
    if (before < 200) QVERIFY(!generation.finished());
    generation.pause(false);
    QVERIFY(waitFor(generation, 20s));
    QCOMPARE(generation.poll(0).generated, 200);
  }

  void aPausedGenerationCanBeCancelledAndDestroyed() {
    Generation generation({lane(m_original, Mixer::convolutionLazy, 200'000)});
    generation.pause(true);
    generation.cancel();
    QVERIFY(waitFor(generation, 5s));
    Generation abandoned({lane(m_original, Mixer::convolutionLazy, 200'000)});
    abandoned.pause(true);
  }

  void aBrokenLaneFailsAlone() {
    LaneRequest noModel = lane(nullptr, Mixer::modal, 5);
    LaneRequest empty = lane(m_original, Mixer::convolutionLazy, 5);
    empty.prompt.clear();
    LaneRequest full = lane(m_original, Mixer::convolutionLazy, 50);
    full.workload.capacityTokens = 10;
    Generation generation(
        {noModel, lane(m_original, Mixer::modal, 5), empty, full, lane(m_distilled, Mixer::modal, 5)});
    QVERIFY(waitFor(generation, 20s));
    for (const int failed : {0, 1, 2}) {
      const LaneState state = generation.poll(failed);
      QCOMPARE(state.phase, LaneState::Phase::failed);
      QVERIFY(!state.error.empty());
    }
    QCOMPARE(generation.poll(3).generated, 7);
    QCOMPARE(generation.poll(3).phase, LaneState::Phase::finished);
    QCOMPARE(generation.poll(4).generated, 5);
  }

  void evaluationMatchesTheOracle_data() {
    QTest::addColumn<bool>("distilled");
    QTest::addColumn<int>("mixer");
    QTest::addColumn<bool>("stepByStep");
    QTest::newRow("original") << false << 0 << false;
    QTest::newRow("original, steps") << false << 0 << true;
    QTest::newRow("distilled") << true << 0 << false;
    QTest::newRow("distilled, modal") << true << 1 << false;
    QTest::newRow("distilled, modal, steps") << true << 1 << true;
  }
  void evaluationMatchesTheOracle() {
    QFETCH(bool, distilled);
    QFETCH(int, mixer);
    QFETCH(bool, stepByStep);
    EvaluationRequest request;
    request.tokens = randomTokens(3 * 40 + 10, 40, 4);
    request.windowTokens = 40;
    request.mode.mixer = mixer == 0 ? Mixer::convolutionLazy : Mixer::modal;
    request.stepByStep = stepByStep;
    std::vector<double> reports;
    const analysis::Task task({}, [&](double fraction, std::string_view) { reports.push_back(fraction); });
    const Evaluation result = evaluate(distilled ? m_distilled : m_original, request, m_original, task);
    QCOMPARE(result.windows, 3);
    QCOMPARE(result.nll.size(), std::size_t{120});
    QVERIFY(std::is_sorted(reports.begin(), reports.end()) && reports.back() == 1);

    double bits = 0, divergence = 0;
    int agreeing = 0;
    for (std::size_t w = 0; w < 3; ++w) {
      const std::vector<int> window(request.tokens.begin() + static_cast<std::ptrdiff_t>(40 * w),
                                    request.tokens.begin() + static_cast<std::ptrdiff_t>(40 * w + 40));
      const Rows logits = oracleLogits(*m_checkpoint, window, distilled ? &m_models : nullptr);
      const Rows reference = oracleLogits(*m_checkpoint, window);
      double windowBits = 0;
      for (std::size_t t = 0; t < 40; ++t) {
        double total = 0, referenceTotal = 0, kl = 0;
        for (const double l : logits[t]) total += std::exp(l);
        for (const double l : reference[t]) referenceTotal += std::exp(l);
        for (std::size_t i = 0; i < 40; ++i)
          kl += std::exp(reference[t][i]) / referenceTotal *
                (reference[t][i] - std::log(referenceTotal) - logits[t][i] + std::log(total));
        const double nll = std::log(total) - logits[t][static_cast<std::size_t>(request.tokens[40 * w + t + 1])];
        QVERIFY(std::abs(result.nll[40 * w + t] - nll) < 1e-4);
        QVERIFY(std::abs(result.kl[40 * w + t] - kl) < 1e-4);
        windowBits += nll / std::log(2.0) / 40;
        divergence += kl / 120;
        agreeing += std::max_element(logits[t].begin(), logits[t].end()) - logits[t].begin() ==
                    std::max_element(reference[t].begin(), reference[t].end()) - reference[t].begin();
      }
      QVERIFY(std::abs(result.windowBits[w] - windowBits) < 1e-5);
      bits += windowBits / 3;
    }
    QVERIFY(std::abs(result.bitsPerToken - bits) < 1e-5);
    QVERIFY(std::abs(result.perplexity - std::exp2(bits)) < 1e-4 * std::exp2(bits));
    QVERIFY(std::abs(result.klPerToken - divergence) < 1e-5);
    QCOMPARE(result.topOneAgreement, agreeing / 120.0);
  }

  void evaluationRefusesAndStops() {
    EvaluationRequest request;
    request.tokens = randomTokens(40, 40, 4);
    request.windowTokens = 40;  // the last target is missing
    QVERIFY_THROWS_EXCEPTION(Error, evaluate(m_original, request));
    request.tokens.clear();
    QVERIFY_THROWS_EXCEPTION(Error, evaluate(m_original, request));
    request.tokens = randomTokens(1000, 40, 4);
    request.windowTokens = 0;
    QCOMPARE(evaluate(m_original, request).windowTokens, 48);  // the training length
    request.windows = 2;
    QCOMPARE(evaluate(m_original, request).windows, 2);
    request.tokens[48] = 40;  // a target only, in the first window
    QVERIFY_THROWS_EXCEPTION(Error, evaluate(m_original, request));
    request.tokens[48] = 0;
    std::stop_source stopped;
    stopped.request_stop();
    bool threw = false;
    try {
      evaluate(m_original, request, nullptr, analysis::Task(stopped.get_token()));
    } catch (const analysis::Stopped&) {
      threw = true;
    }
    QVERIFY(threw);
  }
};

QTEST_GUILESS_MAIN(TestGeneration)
#include "test_generation.moc"
