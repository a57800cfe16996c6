// Loss of distilled banks, and plans chosen by it.
#include <QtTest>

#include <cmath>

#include "engine/effect.h"
#include "engine/error.h"
#include "synthetic.h"

using namespace engine;

class TestEffect : public QObject {
  Q_OBJECT

  std::shared_ptr<SyntheticCheckpoint> m_checkpoint;
  std::shared_ptr<const Model> m_model;
  std::vector<analysis::Distilled> m_levels;  // no mode, one pair, everything
  EvaluationRequest m_request;

 private Q_SLOTS:
  void initTestCase() {
    SyntheticSizes sizes;
    sizes.layers = 3;
    m_checkpoint = std::make_shared<SyntheticCheckpoint>(sizes);
    const analysis::Distilled exact = randomDistilled(*m_checkpoint, 3, 1, 0, 5);
    m_checkpoint->adopt(exact);
    m_model = Model::load(m_checkpoint);
    for (const std::size_t modes : {0, 1, 4}) {
      m_levels.push_back(exact);
      for (auto& bank : m_levels.back().banks)
        for (auto& filter : bank.filters)
          if (filter->model.modes.size() > modes) filter->model.modes.resize(modes);
    }
    m_request.tokens = randomTokens(5 * 48 + 1, sizes.vocabulary, 4);
  }

  void exactModelsChangeNothing() {
    const auto effects = bankEffects(m_model, m_levels[2], m_request);
    QCOMPARE(effects.size(), std::size_t{3});
    for (const BankEffect& effect : effects) {
      QVERIFY(std::abs(effect.loss.bits) < 1e-5 && effect.loss.spreadBits < 1e-5 && effect.klPerToken < 1e-5);
      QCOMPARE(effect.states, 13LL * 7 + 7 * 5);  // 13 channels of 3 pairs and a real pole, 7 of one pair less
    }
  }

  void eachBankIsMeasuredAlone() {
    const auto effects = bankEffects(m_model, m_levels[0], m_request);
    const Evaluation before = evaluate(m_model, m_request);
    for (std::size_t bank = 0; bank < 3; ++bank) {
      analysis::Distilled one = m_levels[2];
      one.banks[bank] = m_levels[0].banks[bank];
      const Evaluation after = evaluate(m_model->withDistilled(one), m_request, m_model);
      QVERIFY(std::abs(effects[bank].loss.bits - (after.bitsPerToken - before.bitsPerToken)) < 1e-4);
      QVERIFY(std::abs(effects[bank].klPerToken - after.klPerToken) < 1e-4);
      QVERIFY(effects[bank].klPerToken > 1e-3);
      QVERIFY(effects[bank].loss.spreadBits > 0);
      QCOMPARE(effects[bank].states, 0LL);
    }
  }

  void driftIsTheMeanOverPositions() {
    const std::vector<float> values{1, 2, 3, 4, 5, 6, 3, 4, 5, 6, 7, 8};  // two windows of 6
    QCOMPARE(overPosition(values, 6, 3), (std::vector<double>{2.5, 4.5, 6.5}));
    QCOMPARE(overPosition(values, 6, 100), (std::vector<double>{2, 3, 4, 5, 6, 7}));
    QVERIFY_THROWS_EXCEPTION(Error, overPosition(values, 5, 2));
    const auto effects = bankEffects(m_model, m_levels[0], m_request);
    double mean = 0;
    for (const double part : effects[0].klOverPosition) mean += part / 8;
    QVERIFY(std::abs(mean - effects[0].klPerToken) < 1e-6 * effects[0].klPerToken);
  }

  // The reference is not run again when its logits are there, and says the same as when it runs.
  void keptLogitsReplaceTheReference() {
    EvaluationRequest request = m_request;
    request.keepLogits = true;
    const Evaluation before = evaluate(m_model, request);
    QCOMPARE(before.logits.size(), std::size_t{5 * 48 * 40});
    request.keepLogits = false;
    request.referenceLogits = before.logits;
    const auto changed = m_model->withDistilled(m_levels[0]);
    const Evaluation kept = evaluate(changed, request), run = evaluate(changed, m_request, m_model);
    QCOMPARE(kept.kl, run.kl);
    QCOMPARE(kept.referenceNll, before.nll);
    QCOMPARE(run.referenceNll, before.nll);
    QCOMPARE(kept.referenceBitsPerToken, before.bitsPerToken);
    QCOMPARE(lossChange(kept).bits, lossChange(before, kept).bits);
    QVERIFY(run.referenceSeconds > 0 && run.seconds > 0);
    request.windows = 2;
    QVERIFY_THROWS_EXCEPTION(Error, evaluate(changed, request));
  }

  void plansKeepTheirBound_data() {
    QTest::addColumn<double>("bound");
    QTest::newRow("anything") << 100.0;
    for (const double bound : {0.3, 0.1, 0.03, 0.01, 1e-5}) QTest::addRow("%g bits", bound) << bound;
  }
  void plansKeepTheirBound() {
    QFETCH(double, bound);
    LossPlanRequest request;
    request.maxLossBits = bound;
    request.text = m_request;
    const LossPlan plan = planByLoss(*m_checkpoint, m_model, m_levels, request);
    const Evaluation before = evaluate(m_model, m_request);
    const auto loss = [&](const std::vector<std::vector<int>>& levels) {
      analysis::Distilled mixed;
      for (std::size_t bank = 0; bank < 3; ++bank) {
        mixed.banks.push_back({m_levels[0].banks[bank].path, {}});
        for (std::size_t c = 0; c < levels[bank].size(); ++c)
          mixed.banks[bank].filters.push_back(
              m_levels[static_cast<std::size_t>(levels[bank][c])].banks[bank].filters[c]);
      }
      return lossChange(before, evaluate(m_model->withDistilled(mixed), m_request));
    };
    QVERIFY(plan.loss.bits + 2 * plan.loss.spreadBits <= bound);
    QVERIFY(std::abs(loss(plan.levels).bits - plan.loss.bits) < 1e-9);
    QVERIFY(std::abs(plan.originalBits - before.bitsPerToken) < 1e-9);
    QCOMPARE(plan.states, plan.distilled.states());
    QVERIFY(!plan.points.empty());
    if (bound == 100) QCOMPARE(plan.states, 0LL);
    // Neither a uniform plan within the bound, nor any other that was measured, is smaller.
    for (const PlanPoint& point : plan.points)
      if (point.loss.bits + 2 * point.loss.spreadBits <= bound) QVERIFY(plan.states <= point.states);
    for (int level = 0; level < 3; ++level) {
      const LossChange uniform = loss(std::vector(3, std::vector(20, level)));
      if (uniform.bits + 2 * uniform.spreadBits <= bound)
        QVERIFY(plan.states <= m_levels[static_cast<std::size_t>(level)].states());
    }
  }

  // Errors are put where they cost nothing: channels 0 to 9 of every bank reach nothing.
  void statesGoToWhatMatters() {
    auto checkpoint = std::make_shared<SyntheticCheckpoint>(*m_checkpoint);
    for (int layer = 0; layer < 3; ++layer) {
      auto& out = checkpoint->values()["layers." + std::to_string(layer) + ".mixer.out_proj.weight"];
      for (std::size_t row = 0; row < 20; ++row)
        for (std::size_t column = 0; column < 10; ++column) out[row * 20 + column] = 0;
    }
    const auto model = Model::load(checkpoint);
    LossPlanRequest request;
    request.maxLossBits = 1e-5;
    request.text = m_request;
    const LossPlan plan = planByLoss(*checkpoint, model, m_levels, request);
    for (const auto& bank : plan.levels)
      for (std::size_t c = 0; c < 20; ++c) QVERIFY(c < 10 ? bank[c] == 0 : bank[c] >= 0);
    QVERIFY(plan.states > 0 && plan.states <= m_levels[2].states() / 2 + 20);
  }

  void refusals() {
    const auto plan = [this](const std::shared_ptr<const Model>& model, std::span<const analysis::Distilled> levels,
                             double bound) {
      LossPlanRequest request;
      request.maxLossBits = bound;
      request.text = m_request;
      return planByLoss(*m_checkpoint, model, levels, request);
    };
    QVERIFY_THROWS_EXCEPTION(Error, plan(m_model, {}, 1));
    QVERIFY_THROWS_EXCEPTION(Error, plan(m_model, m_levels, -100));
    QVERIFY_THROWS_EXCEPTION(Error, plan(m_model->withDistilled(m_levels[0]), m_levels, 1));
    auto foreign = m_levels;
    foreign[1].banks[0].path = "elsewhere";
    QVERIFY_THROWS_EXCEPTION(Error, plan(m_model, foreign, 1));
    EvaluationRequest bad = m_request;
    bad.tokens[7] = 40;
    QVERIFY_THROWS_EXCEPTION(Error, evaluate(m_model, bad));
    bad.tokens.clear();
    QVERIFY_THROWS_EXCEPTION(Error, evaluate(m_model, bad));
  }
};

QTEST_GUILESS_MAIN(TestEffect)
#include "test_effect.moc"
