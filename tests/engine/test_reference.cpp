// The trained sample model against what the published code computed for it.
#include <QtTest>

#include <cmath>
#include <fstream>
#include <iterator>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/tensors/tensorfile.h"
#include "engine/evaluate.h"
#include "engine/session.h"

using namespace engine;

namespace {

std::vector<Token> tokensOf(const analysis::TensorFile& file, std::string_view name) {
  const std::vector<double> values = file.doubles(name);
  return {values.begin(), values.end()};
}

double relativeError(std::span<const float> a, std::span<const float> b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += std::pow(double{a[i]} - b[i], 2);
    norm += std::pow(double{b[i]}, 2);
  }
  return std::sqrt(difference / norm);
}

// One mode per real state of a long filter: exact poles need no fit to compare two ways of running them.
analysis::Distilled spreadModels(const analysis::Checkpoint& checkpoint) {
  analysis::Distilled distilled;
  for (int b = 0; b < static_cast<int>(checkpoint.banks().size()); ++b) {
    const analysis::Bank& bank = checkpoint.banks()[static_cast<std::size_t>(b)];
    analysis::DistilledBank& models = distilled.banks.emplace_back();
    models.path = bank.path;
    for (int c = 0; c < bank.channels; ++c) {
      const auto filter = checkpoint.filter({b, c});
      analysis::DistilledFilter& model = models.filters.emplace_back().emplace();
      model.skip = filter->skip;
      model.model.feedthrough = filter->taps[0];
      for (int k = 0; k < 8; ++k)
        model.model.modes.push_back({{-3e-4 * (1 + c % 7) * (k + 1), 0.05 + 0.37 * k + 0.001 * c},
                                     {filter->taps[1] / 16, filter->taps[static_cast<std::size_t>(k + 2)] / 16},
                                     true});
    }
  }
  return distilled;
}

}  // namespace

class TestReference : public QObject {
  Q_OBJECT

  std::shared_ptr<const analysis::Checkpoint> m_checkpoint;
  std::shared_ptr<const analysis::TensorFile> m_reference;
  std::shared_ptr<const Model> m_model;

 private Q_SLOTS:
  void initTestCase() {
    m_checkpoint = analysis::Checkpoint::open(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
    m_reference = analysis::openTensorFile(POLECAT_TEST_DATA "/novels-hyena-1m.reference.safetensors");
    m_model = Model::load(m_checkpoint);
  }

  void promptLogits() {
    Workload workload;
    workload.capacityTokens = 256;
    Session session(m_model, workload);
    session.keepAllLogits(true);
    const auto prompt = tokensOf(*m_reference, "prompt_tokens");
    const std::vector<float> expected = m_reference->floats("prompt_logits");
    QCOMPARE(session.prefill(prompt), Outcome::finished);
    const double prefill = relativeError(session.allLogits(), expected);
    QVERIFY2(prefill < 1e-6, qPrintable(QString::number(prefill)));

    std::vector<float> steps;
    const auto keep = [&] { steps.insert(steps.end(), session.logits(0).begin(), session.logits(0).end()); };
    session.keepAllLogits(false);
    session.prefill(std::span(prompt).first(1));
    keep();
    session.force(std::span(prompt).subspan(1), {}, [&](int) { keep(); });
    QCOMPARE(steps.size(), expected.size());
    const double decode = relativeError(steps, expected);
    QVERIFY2(decode < 1e-6, qPrintable(QString::number(decode)));
    qInfo("relative error of the prompt logits: prefill %.2e, step by step %.2e", prefill, decode);
  }

  void lossOfTheFirstWindow() {
    EvaluationRequest request;
    request.tokens = tokensOf(*m_reference, "val_tokens");
    const Evaluation result = evaluate(m_model, request);
    const std::vector<float> expected = m_reference->floats("val_nll");
    QCOMPARE(result.nll.size(), expected.size());
    double mean = 0, worst = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      mean += (double{result.nll[i]} - expected[i]) / static_cast<double>(expected.size());
      worst = std::max(worst, std::abs(double{result.nll[i]} - expected[i]));
    }
    QVERIFY2(std::abs(mean) < 1e-5, qPrintable(QString::number(mean)));
    QVERIFY2(worst < 1e-4, qPrintable(QString::number(worst)));
    qInfo("NLL: mean differs by %.1e nats, a single token by at most %.1e", std::abs(mean), worst);
  }

  void greedyContinuation() {
    const auto prompt = tokensOf(*m_reference, "prompt_tokens"), expected = tokensOf(*m_reference, "greedy_tokens");
    const int count = static_cast<int>(expected.size() - prompt.size());
    QVERIFY(count >= 64);
    Workload workload;
    workload.capacityTokens = static_cast<int>(expected.size());
    Session session(m_model, workload);
    session.prefill(prompt);
    QCOMPARE(session.decode(count), Outcome::finished);
    const std::vector<Token> text(session.generated(0).begin(), session.generated(0).end());
    QCOMPARE(text, std::vector<Token>(expected.begin() + static_cast<std::ptrdiff_t>(prompt.size()), expected.end()));
  }

  // The same impulse response as recurrence and as convolution, far beyond the training length.
  void recurrenceIsConvolution() {
    const auto model = m_model->withDistilled(spreadModels(*m_checkpoint));
    const auto tokens = tokensOf(*m_reference, "val_tokens");
    Workload workload;
    workload.capacityTokens = 256 + 1024;
    Session convolution(model, workload);
    workload.mode.mixer = Mixer::modal;
    Session modal(model, workload);
    convolution.prefill(std::span(tokens).first(256));
    modal.prefill(std::span(tokens).first(256));
    double worst = 0;
    for (std::size_t i = 0; i < 1024; ++i) {
      const Token token = tokens[i];
      convolution.force({&token, 1});
      modal.force({&token, 1});
      worst = std::max(worst, relativeError(modal.logits(0), convolution.logits(0)));
    }
    QVERIFY2(worst < 1e-4, qPrintable(QString::number(worst)));
    qInfo("recurrence and convolution: logits within %.1e over 1024 tokens", worst);
  }
};

QTEST_GUILESS_MAIN(TestReference)
#include "test_reference.moc"
