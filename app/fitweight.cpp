#include "app/fitweight.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <map>
#include <utility>

#include "app/effectstudy.h"
#include "engine/error.h"
#include "engine/inputs.h"

namespace app {

QString FitWeight::name() const {
  if (plain()) return QCoreApplication::translate("app::FitWeight", "every frequency alike");
  if (!text.isEmpty())
    return QCoreApplication::translate("app::FitWeight", "input on %1").arg(QFileInfo(text).fileName());
  return QCoreApplication::translate("app::FitWeight", "band %1–%2 rad/token").arg(low, 0, 'g', 3).arg(high, 0, 'g', 3);
}

QString FitWeight::remark() const {
  return plain() ? QString() : QCoreApplication::translate("app::FitWeight", " · errors by %1").arg(name());
}

std::optional<analysis::InputWeight> FitWeight::of(analysis::FilterId id) const {
  return weight ? std::optional(weight(id)) : std::nullopt;
}

FitWeight bandWeight(double low, double high) {
  const auto weight = std::make_shared<const analysis::InputWeight>(analysis::InputWeight::band(low, high));
  return {low, high, {}, [weight](analysis::FilterId) { return *weight; }};
}

FitWeight textWeight(const QString& text, int windows, const std::shared_ptr<const analysis::Checkpoint>& checkpoint,
                    const analysis::Task& task) {
  const analysis::LanguageModel* description = checkpoint->languageModel();
  if (!description)
    throw engine::Error(engine::ErrorKind::unsupported, "Input of the filters",
                        "this checkpoint has filters, but no language model that could be run",
                        "open a checkpoint of a whole model, or draw a band");
  const engine::EvaluationRequest request = evaluationRequest(*description, text, windows);
  auto inputs = std::make_shared<std::map<int, engine::InputStatistics>>();
  for (auto& bank : engine::inputStatistics(engine::Model::load(checkpoint, task), request, task))
    for (std::size_t b = 0; b < checkpoint->banks().size(); ++b)
      if (checkpoint->banks()[b].path == bank.path) inputs->emplace(static_cast<int>(b), bank);
  return {0, 0, text, [inputs](analysis::FilterId id) {
            return analysis::InputWeight::measured(inputs->at(id.bank).of(id.channel));
          }};
}

}  // namespace app
