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

  void plansKeepTheirBoundAndCannotBeLowered_data() {
    QTest::addColumn<double>("bound");
    QTest::newRow("anything") << 100.0;
    for (const double bound : {0.3, 0.1, 0.03, 0.01, 1e-5}) QTest::addRow("%g bits", bound) << bound;
  }
  void plansKeepTheirBoundAndCannotBeLowered() {
    QFETCH(double, bound);
    const LossPlan plan = planByLoss(m_model, m_levels, bound, m_request);
    const double before = evaluate(m_model, m_request).bitsPerToken;
    const auto loss = [&](const std::vector<int>& levels) {
      analysis::Distilled mixed;
      for (std::size_t bank = 0; bank < 3; ++bank)
        mixed.banks.push_back(m_levels[static_cast<std::size_t>(levels[bank])].banks[bank]);
      return evaluate(m_model->withDistilled(mixed), m_request).bitsPerToken - before;
    };
    QVERIFY(plan.loss.bits <= bound);
    QVERIFY(std::abs(loss(plan.levels) - plan.loss.bits) < 1e-9);
    QVERIFY(std::abs(plan.originalBits - before) < 1e-9);
    QCOMPARE(plan.states, plan.distilled.states());
    if (bound == 100) QCOMPARE(plan.states, 0LL);
    // No uniform plan within the bound is smaller.
    for (int level = 0; level < 3; ++level)
      if (loss({level, level, level}) <= bound)
        QVERIFY(plan.states <= m_levels[static_cast<std::size_t>(level)].states());
  }

  void refusals() {
    QVERIFY_EXCEPTION_THROWN(planByLoss(m_model, {}, 1, m_request), Error);
    QVERIFY_EXCEPTION_THROWN(planByLoss(m_model, m_levels, -100, m_request), Error);
    QVERIFY_EXCEPTION_THROWN(planByLoss(m_model->withDistilled(m_levels[0]), m_levels, 1, m_request), Error);
    auto foreign = m_levels;
    foreign[1].banks[0].path = "elsewhere";
    QVERIFY_EXCEPTION_THROWN(planByLoss(m_model, foreign, 1, m_request), Error);
  }
};

QTEST_GUILESS_MAIN(TestEffect)
#include "test_effect.moc"
