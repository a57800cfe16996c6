#include "app/commandline/figures.h"

#include <algorithm>
#include <functional>
#include <map>

#include "analysis/response/bounds.h"
#include "analysis/response/spectrum.h"
#include "analysis/response/statistics.h"
#include "widgets/bankplot.h"
#include "widgets/hankelplot.h"
#include "widgets/poleplot.h"
#include "widgets/signalplot.h"
#include "widgets/spectrumplot.h"

namespace commandline {
namespace {

const std::map<std::string, std::vector<View>> views = {
    {"impulse", {View::impulse}},
    {"spectrum", {View::spectrum}},
    {"hankel", {View::hankel}},
    {"poles", {View::poles}},
    {"bank", {View::bank}},
    {"page", {View::impulse, View::spectrum, View::hankel, View::poles}}};

std::vector<double> fitted(const FigureContent& content) {
  return content.fit->model.impulseResponse(int(content.filter->taps.size()));
}

// The overlays as `values` shows their impulse responses.
template <class Values>
std::vector<widgets::Overlay> overlays(const FigureContent& content, Values values) {
  std::vector<widgets::Overlay> result;
  for (const auto& [title, fit] : content.overlays)
    result.push_back({title, values(fit.model.impulseResponse(int(content.filter->taps.size())))});
  return result;
}

std::unique_ptr<widgets::Plot> impulseFigure(const FigureContent& content) {
  auto plot = std::make_unique<widgets::SignalPlot>();
  plot->setOriginal(content.filter->taps);
  if (content.fit) plot->setFit(fitted(content));
  plot->setOverlays(overlays(content, [](std::vector<double> taps) { return taps; }));
  plot->setEffectiveLength(analysis::statistics(content.filter->taps).effectiveLengthSamples);
  return plot;
}

widgets::FrequencyResponse response(const std::vector<double>& taps) {
  const analysis::Spectrum spectrum = analysis::spectrum(taps);
  return {analysis::magnitudeDecibels(spectrum), analysis::phase(spectrum), analysis::groupDelay(taps, spectrum)};
}

std::unique_ptr<widgets::Plot> spectrumFigure(const FigureContent& content) {
  auto plot = std::make_unique<widgets::SpectrumPlot>();
  const std::vector<double>& taps = content.filter->taps;
  plot->setOriginal(response(taps));
  if (content.fit) plot->setFit(response(fitted(content)));
  plot->setOverlays(overlays(content, [](const std::vector<double>& h) { return response(h).magnitudeDecibels; }));
  return plot;
}

std::unique_ptr<widgets::Plot> hankelFigure(const FigureContent& content, const analysis::Task& task) {
  constexpr int maxOrder = analysis::Reducer::defaultMaxOrder;
  constexpr std::size_t denseTaps = 1025;  // all singular values in a third of a second, and with them a sharper bound
  const std::vector<double>& taps = content.filter->taps;
  const auto hankel = analysis::hankelSpectrum(taps, maxOrder, taps.size() <= denseTaps, task);
  const auto curve = content.curve ? content.curve : analysis::Reducer(content.filter, maxOrder, task).curve(0, task);
  std::vector<double> errors;
  for (const auto& fit : curve->fits) errors.push_back(fit->errorRelative);
  std::vector<widgets::SuggestedOrder> suggestions;
  for (const int order : curve->suggestedOrders()) suggestions.push_back({order, {}});

  auto plot = std::make_unique<widgets::HankelPlot>();
  plot->setSingularValues(hankel.values, hankel.converged);
  plot->setErrors(std::move(errors));
  plot->setTwiceTailSum(analysis::twiceTailSum(hankel, taps, maxOrder));
  plot->setCertificate(analysis::certificate(taps, maxOrder, task).error);
  plot->setSuggestedOrders(std::move(suggestions));
  plot->setOrderRange(0, curve->maxOrder());
  if (content.fit) plot->setOrder(content.fit->model.order());
  return plot;
}

std::unique_ptr<widgets::Plot> poleFigure(const FigureContent& content) {
  auto plot = std::make_unique<widgets::PolePlot>();
  plot->setPoles(content.fit->model.poles(), content.fit->model.residues());
  return plot;
}

std::unique_ptr<widgets::Plot> bankFigure(const FigureContent& content) {
  auto plot = std::make_unique<widgets::BankPlot>();
  plot->setValues(content.bank.values, content.bank.columns, widgets::BankPlot::Quantity::ImpulseResponse);
  plot->setSelected(content.filter->id.channel);
  return plot;
}

}  // namespace

void addFit(FigureContent& content, int order, bool wholeCurve, const analysis::Task& task) {
  const analysis::Reducer reducer(content.filter, std::max(order, analysis::Reducer::defaultMaxOrder), task);
  if (!wholeCurve) {
    content.fit = std::make_shared<const analysis::Fit>(reducer.fit(order, task, analysis::Effort::standard));
    return;
  }
  content.curve = reducer.curve(order, task);
  content.fit = content.curve->fits[std::size_t(std::min(order, content.curve->maxOrder()))];
}

void addOverlay(FigureContent& content, const FitMethod& method, int order, const analysis::Task& task) {
  content.overlays.push_back({QString::fromStdString(method.title), fitBy(method.name, content.filter, order, task)});
}

std::vector<std::string> viewNames() {
  std::vector<std::string> names;
  names.reserve(std::size(views));
  for (const auto& [name, shown] : views) names.push_back(name);
  return names;
}

std::vector<View> viewsOf(const std::string& name) {
  return views.at(name);
}

std::unique_ptr<widgets::Plot> makeFigure(View view, const FigureContent& content, const analysis::Task& task) {
  std::unique_ptr<widgets::Plot> plot;
  switch (view) {
    case View::impulse:
      plot = impulseFigure(content);
      break;
    case View::spectrum:
      plot = spectrumFigure(content);
      break;
    case View::hankel:
      plot = hankelFigure(content, task);
      break;
    case View::poles:
      plot = poleFigure(content);
      break;
    case View::bank:
      plot = bankFigure(content);
      break;
  }
  QString title = plot->title() + ", filter " + QString::fromStdString(content.filter->name);
  if (view == View::bank) title = QStringLiteral("Impulse responses of the layer of filter ") + QString::fromStdString(content.filter->name);
  if (content.fit) title += QStringLiteral(", order %1").arg(content.fit->model.order());
  plot->setTitle(title);
  plot->setProvenance(content.provenance);
  return plot;
}

}  // namespace commandline
