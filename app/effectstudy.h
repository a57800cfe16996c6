// What distilling does to the language model, measured on a text: the plan as it is, each layer alone, uniform orders,
// and the smallest plan within a loss. Long jobs with progress; results come as they are measured.
#pragma once

#include <QObject>
#include <memory>
#include <optional>
#include <vector>

#include "app/document.h"
#include "app/generation.h"
#include "app/jobs.h"
#include "engine/effect.h"

namespace app {

struct EffectSettings {
  QString text;     // file, read as bytes; the model's tokenizer makes tokens of it
  int windows = 4;  // of the model's training length, from the start, no overlap; fewer when the text is shorter
  double toleranceBits = 0.01;

  bool operator==(const EffectSettings&) const = default;
};

// The first windows of a text, cut for this model. Throws engine::Error(input) when it cannot be read or is too short.
engine::EvaluationRequest evaluationRequest(const analysis::LanguageModel&, const QString& text, int windows);

// A plan against the original on the same text. Bits are per token.
struct PlanEffect {
  int order = 0;  // of every filter; 0 for a plan of its own
  long long states = 0;
  double addedBits = 0, spreadBits = 0;  // mean over the windows, and its standard error
  double klBits = 0;
  double topOneAgreement = 0;
};

class EffectStudy : public QObject {
  Q_OBJECT

 public:
  EffectStudy(Document&, Jobs&, GenerationRun&, QObject* parent = nullptr);

  // Measures the original, the plan, every layer alone, and uniform orders, in this order. What has been measured for
  // the same text and plan already is not measured again.
  void measure(const EffectSettings&);
  // Takes over the smallest plan whose loss on the text stays within the tolerance (engine::planByLoss): one undoable
  // step; locked rows keep their orders.
  void choosePlan(const EffectSettings&);
  // Gives every filter this order: a point of the curve.
  void takeUniform(int order);
  // The orders of the curve, ascending; they are also what choosePlan() chooses from.
  void setLevels(std::vector<int> orders);
  void cancel();
  bool active() const;

  // Bits per token of the original; none before it is measured.
  std::optional<double> originalBits() const { return m_originalBits; }
  const std::optional<PlanEffect>& plan() const { return m_plan; }
  const std::vector<engine::BankEffect>& layers() const { return m_layers; }
  const std::vector<PlanEffect>& uniform() const { return m_uniform; }
  // True when orders have changed since plan() was measured.
  bool stale() const { return m_plan && m_planOrders != m_document.orders(); }
  // "novels.txt · 4 windows of 1,024 tokens · float32", and what counted in the fits; empty before a measurement.
  const QString& provenance() const { return m_provenance; }
  const EffectSettings& settings() const { return m_settings; }

 Q_SIGNALS:
  void changed();
  void failed(const QString& sentence);
  void planTaken(const QString& sentence);

 private:
  struct Context;  // what a job works on
  Context context(const EffectSettings&) const;
  void reset();
  void forgetMeasurements();

  Document& m_document;
  Jobs& m_jobs;
  GenerationRun& m_run;
  std::vector<int> m_levelOrders{2, 4, 8, 12, 16, 24};
  EffectSettings m_settings;
  QString m_provenance;
  std::shared_ptr<const engine::Model> m_model;
  std::vector<analysis::Distilled> m_levels;  // uniform orders, ascending, as far as they have been fitted
  std::optional<double> m_originalBits;
  std::optional<PlanEffect> m_plan;
  std::vector<int> m_planOrders;
  std::vector<engine::BankEffect> m_layers;
  std::vector<PlanEffect> m_uniform;
};

}  // namespace app
