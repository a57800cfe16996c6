#include "app/effectstudy.h"

#include <QFile>
#include <QFileInfo>
#include <cmath>
#include <numbers>

#include "engine/error.h"
#include "engine/tokenizer.h"
#include "widgets/format.h"

namespace app {

namespace {

const QString purpose = QStringLiteral("effect");
constexpr qint64 maxTextBytes = 64 << 20;
constexpr int maxSwaps = 128;  // groups of filters whose sensitivity is measured: a person waits for it

}  // namespace

engine::EvaluationRequest evaluationRequest(const analysis::LanguageModel& description, const QString& text,
                                            int windows) {
  const std::string name = QFileInfo(text).fileName().toStdString();
  QFile file(text);
  if (!file.open(QIODevice::ReadOnly))
    throw engine::Error(engine::ErrorKind::input, name, "it cannot be read", "choose another text");
  engine::EvaluationRequest request;
  request.tokens = engine::makeTokenizer(description.tokenizer)->encode(file.read(maxTextBytes).toStdString());
  request.windowTokens = description.trainingLengthTokens;
  const int fitting = (static_cast<int>(request.tokens.size()) - 1) / std::max(1, request.windowTokens);
  if (fitting < 1)
    throw engine::Error(engine::ErrorKind::input, name,
                        "it has " + std::to_string(request.tokens.size()) + " tokens, and one window needs " +
                            std::to_string(request.windowTokens + 1),
                        "choose a longer text");
  request.windows = std::min(windows, fitting);
  return request;
}

namespace {

PlanEffect effectOf(const engine::Evaluation& original, const engine::Evaluation& changed) {
  PlanEffect out;
  const auto windows = static_cast<double>(original.windowBits.size());
  double squares = 0;
  for (std::size_t w = 0; w < original.windowBits.size(); ++w)
    out.addedBits += (changed.windowBits[w] - original.windowBits[w]) / windows;
  for (std::size_t w = 0; w < original.windowBits.size(); ++w)
    squares += std::pow(changed.windowBits[w] - original.windowBits[w] - out.addedBits, 2);
  if (windows > 1) out.spreadBits = std::sqrt(squares / (windows - 1) / windows);
  out.klBits = changed.klPerToken / std::numbers::ln2;
  out.topOneAgreement = changed.topOneAgreement;
  return out;
}

long long statesOf(const analysis::Distilled& distilled) {
  long long states = 0;
  for (const auto& bank : distilled.banks)
    for (const auto& filter : bank.filters)
      if (filter) states += filter->model.order();
  return states;
}

// A stretch of a job's progress.
analysis::Task part(const analysis::Task& task, double from, double to, std::string note) {
  return analysis::Task(task.stopToken(),
                        [&task, from, to, note = std::move(note)](double fraction, std::string_view) {
                          task.report(from + (to - from) * fraction, note);
                        });
}

}  // namespace

struct EffectStudy::Context {
  std::shared_ptr<const analysis::Checkpoint> checkpoint;
  std::shared_ptr<const engine::Model> model;
  std::vector<analysis::Distilled> levels;
  std::vector<int> orders, levelOrders;
  EffectSettings settings;
  FitWeight fitWeight;

  void load(const analysis::Task& task) {
    if (!checkpoint->languageModel())
      throw engine::Error(engine::ErrorKind::unsupported, "Effect on the model",
                          "this checkpoint has filters, but no language model that could be run",
                          "open a checkpoint of a whole model");
    if (!model) model = engine::Model::load(checkpoint, task);
  }
  const analysis::Distilled& level(std::size_t index, const analysis::Task& task) {
    while (levels.size() <= index) {
      analysis::DistilRequest request;
      request.order = levelOrders[levels.size()];
      request.weight = fitWeight.weight;
      request.weightName = fitWeight.plain() ? std::string() : fitWeight.name().toStdString();
      levels.push_back(analysis::distil(*checkpoint, request, task));
    }
    return levels[index];
  }
};

EffectStudy::EffectStudy(Document& document, Jobs& jobs, GenerationRun& run, QObject* parent)
    : QObject(parent), m_document(document), m_jobs(jobs), m_run(run) {
  connect(&document, &Document::opened, this, &EffectStudy::reset);
  connect(&document, &Document::ordersChanged, this, &EffectStudy::changed);
  connect(&document, &Document::fitWeightChanged, this, [this] {  // models fitted otherwise
    m_jobs.cancel(purpose);
    m_levels.clear();
    forgetMeasurements();
    Q_EMIT changed();
  });
  connect(&jobs, &Jobs::ended, this, [this](const QString& ended) {
    if (ended == purpose) Q_EMIT changed();
  });
}

void EffectStudy::reset() {
  m_jobs.cancel(purpose);
  m_model.reset();
  m_levels.clear();
  forgetMeasurements();
  Q_EMIT changed();
}

void EffectStudy::forgetMeasurements() {
  m_provenance.clear();
  m_originalBits.reset();
  m_plan.reset();
  m_layers.clear();
  m_uniform.clear();
}

EffectStudy::Context EffectStudy::context(const EffectSettings& settings) const {
  return {m_document.checkpoint(), m_model ? m_model : m_run.model(), m_levels, m_document.orders(), m_levelOrders, settings,
          m_document.fitWeight()};
}

bool EffectStudy::active() const {
  return m_jobs.running(purpose);
}

void EffectStudy::cancel() {
  m_jobs.cancel(purpose);
  Q_EMIT changed();
}

void EffectStudy::measure(const EffectSettings& settings) {
  if (!m_document.checkpoint()) return;
  if (m_settings.text != settings.text || m_settings.windows != settings.windows) forgetMeasurements();
  m_settings = settings;
  m_jobs.start(
      purpose, tr("Measuring the effect on the model"), Jobs::Priority::batch,
      [this, work = context(settings), known = m_uniform](const analysis::Task& task, const Jobs::Post& post) mutable {
        work.load(part(task, 0, 0.03, "reading the model"));
        const engine::EvaluationRequest request = evaluationRequest(*work.checkpoint->languageModel(), work.settings.text, work.settings.windows);
        const auto original =
            engine::evaluate(work.model, request, nullptr, part(task, 0.03, 0.08, "evaluating the original"));
        post([this, model = work.model, bits = original.bitsPerToken, windows = original.windows,
              tokens = original.windowTokens] {
          m_model = model;
          m_originalBits = bits;
          m_provenance = tr("%1 · %2 of %3 tokens · float32")
                             .arg(QFileInfo(m_settings.text).fileName(),
                                  windows == 1 ? tr("1 window") : tr("%1 windows").arg(windows), widgets::count(tokens)) +
                         m_document.fitWeight().remark();
          Q_EMIT changed();
        });
        const auto effect = [&](const analysis::Distilled& distilled, const analysis::Task& quiet) {
          PlanEffect out = effectOf(
              original, engine::evaluate(work.model->withDistilled(distilled), request, work.model, quiet));
          out.states = statesOf(distilled);
          return out;
        };
        analysis::DistilRequest asked;
        asked.orders = work.orders;
        asked.weight = work.fitWeight.weight;
        const analysis::Distilled plan =
            analysis::distil(*work.checkpoint, asked, part(task, 0.08, 0.25, "distilling the plan"));
        const PlanEffect ofPlan = effect(plan, part(task, 0.25, 0.3, "evaluating the plan"));
        post([this, ofPlan, orders = work.orders] {
          m_plan = ofPlan;
          m_planOrders = orders;
          Q_EMIT changed();
        });
        const auto layers =
            engine::bankEffects(work.model, plan, request, part(task, 0.3, 0.45, "evaluating layer by layer"));
        post([this, layers] {
          m_layers = layers;
          Q_EMIT changed();
        });
        for (std::size_t level = known.size(); level < work.levelOrders.size(); ++level) {
          const double from = 0.45 + 0.55 * static_cast<double>(level) / static_cast<double>(work.levelOrders.size());
          const double to = from + 0.55 / static_cast<double>(work.levelOrders.size());
          const std::string note = "order " + std::to_string(work.levelOrders[level]) + " for all";
          const analysis::Distilled& models = work.level(level, part(task, from, from + 0.7 * (to - from), note));
          PlanEffect uniform = effect(models, part(task, from + 0.7 * (to - from), to, note));
          uniform.order = work.levelOrders[level];
          post([this, uniform, levels = work.levels] {
            m_uniform.push_back(uniform);
            m_levels = levels;
            Q_EMIT changed();
          });
        }
      },
      [this](const QString& sentence) { Q_EMIT failed(sentence); });
  Q_EMIT changed();
}

void EffectStudy::choosePlan(const EffectSettings& settings) {
  if (!m_document.checkpoint()) return;
  if (m_settings.text != settings.text || m_settings.windows != settings.windows) forgetMeasurements();
  m_settings = settings;
  m_jobs.start(
      purpose, tr("Searching the smallest plan within %1 bits").arg(settings.toleranceBits), Jobs::Priority::batch,
      [this, work = context(settings)](const analysis::Task& task, const Jobs::Post& post) mutable {
        work.load(part(task, 0, 0.03, "reading the model"));
        const engine::EvaluationRequest request = evaluationRequest(*work.checkpoint->languageModel(), work.settings.text, work.settings.windows);
        work.level(work.levelOrders.size() - 1, part(task, 0.03, 0.5, "distilling"));
        engine::LossPlanRequest asked;
        asked.maxLossBits = work.settings.toleranceBits;
        asked.text = request;
        asked.maxSwaps = maxSwaps;
        const engine::LossPlan found = engine::planByLoss(*work.checkpoint, work.model, work.levels, asked,
                                                          part(task, 0.5, 1, "evaluating plans"));
        post([this, found, offered = work.levelOrders, model = work.model, levels = work.levels, tolerance = work.settings.toleranceBits] {
          m_model = model;
          m_levels = levels;
          std::vector<int> orders;
          for (const std::vector<int>& bank : found.levels)
            for (const int level : bank) orders.push_back(offered[static_cast<std::size_t>(level)]);
          m_document.setOrders(m_document.allRows(), orders);
          Q_EMIT planTaken(tr("%1 states lose %2 bits per token on this text (at most %3 were allowed); %4 plans were "
                              "measured.%5")
                               .arg(widgets::count(found.states), widgets::number(found.loss.bits, 2))
                               .arg(tolerance)
                               .arg(found.evaluations)
                               .arg(m_document.lockedCount() > 0 ? tr(" Locked filters kept their orders.") : QString()));
          Q_EMIT changed();
        });
      },
      [this](const QString& sentence) { Q_EMIT failed(sentence); });
  Q_EMIT changed();
}

void EffectStudy::setLevels(std::vector<int> orders) {
  m_jobs.cancel(purpose);
  m_levelOrders = std::move(orders);
  m_levels.clear();
  forgetMeasurements();
  Q_EMIT changed();
}

void EffectStudy::takeUniform(int order) {
  m_document.setOrder(m_document.allRows(), order);
}

}  // namespace app
