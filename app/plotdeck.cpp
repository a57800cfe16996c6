#include "app/plotdeck.h"

#include <QAction>
#include <QActionGroup>
#include <QFileInfo>
#include <cmath>
#include <limits>
#include <numbers>

#include "app/format.h"
#include "widgets/format.h"
#include "widgets/hankelplot.h"
#include "widgets/poleplot.h"
#include "widgets/signalplot.h"
#include "widgets/spectrumplot.h"

namespace app {

namespace {

// How a mode swings and fades, in tokens.
QString modeSentence(int mode, const analysis::Mode& chosen) {
  const double radius = std::abs(chosen.pole()), angle = std::abs(std::arg(chosen.pole()));
  const QString name = chosen.pair ? PlotDeck::tr("Mode %1, a pair of poles and so 2 states").arg(mode + 1)
                                   : PlotDeck::tr("Mode %1, a real pole and so 1 state").arg(mode + 1);
  const QString swing = chosen.pair && angle > 0 ? PlotDeck::tr("one swing takes %1 tokens")
                                                       .arg(widgets::number(2 * std::numbers::pi / angle, 3))
                        : angle > 0 ? PlotDeck::tr("it changes its sign with every token")
                                    : PlotDeck::tr("it does not swing");
  const QString fade = radius <= 0   ? PlotDeck::tr("it is over after one token")
                       : radius >= 1 ? PlotDeck::tr("it does not fade")
                                     : PlotDeck::tr("it halves every %1 tokens")
                                           .arg(widgets::number(std::log(0.5) / std::log(radius), 3));
  return PlotDeck::tr("%1: %2, and %3. Its share of ĥ is drawn in the impulse response.").arg(name, swing, fade);
}

}  // namespace

PlotDeck::PlotDeck(Document& document, Analyst& analyst, QObject* parent)
    : QObject(parent),
      m_document(document),
      m_analyst(analyst),
      m_signal(new widgets::SignalPlot),
      m_spectrum(new widgets::SpectrumPlot),
      m_hankel(new widgets::HankelPlot),
      m_poles(new widgets::PolePlot) {
  for (widgets::Plot* plot : {static_cast<widgets::Plot*>(m_signal), static_cast<widgets::Plot*>(m_spectrum),
                              static_cast<widgets::Plot*>(m_hankel), static_cast<widgets::Plot*>(m_poles)})
    plot->setEmptyText(tr("Select a filter in the table"));
  m_hankel->setOrderRange(0, Document::maxOrder);
  connect(&analyst, &Analyst::analysed, this, &PlotDeck::showAnalysis);
  connect(&analyst, &Analyst::fitted, this, &PlotDeck::showFit);
  connect(&document, &Document::fitWeightChanged, this, &PlotDeck::showProvenance);
  connect(m_hankel, &widgets::HankelPlot::orderMoved, &analyst, &Analyst::preview);
  connect(m_hankel, &widgets::HankelPlot::orderChosen, this, &PlotDeck::orderChosen);
  connect(m_poles, &widgets::PolePlot::poleHovered, this, &PlotDeck::highlightMode);
  buildSwitches();
}

std::vector<PlotDeck::Panel> PlotDeck::panels() const {
  return {{QStringLiteral("impulse"), tr("Impulse response"), m_signal},
          {QStringLiteral("spectrum"), tr("Spectrum"), m_spectrum},
          {QStringLiteral("hankel"), tr("Hankel singular values and order"), m_hankel},
          {QStringLiteral("poles"), tr("Poles"), m_poles}};
}

void PlotDeck::showProvenance() {
  if (!m_shownFilter) return;
  const QString provenance = tr("%1 · filter %2%3 · Polecat %4")
                                 .arg(QFileInfo(m_document.path()).fileName(), QString::fromStdString(m_shownFilter->name),
                                      m_document.fitWeight().remark(), QStringLiteral(POLECAT_VERSION));
  for (const Panel& panel : panels()) static_cast<widgets::Plot*>(panel.plot)->setProvenance(provenance);
}

void PlotDeck::showAnalysis() {
  const auto known = m_analyst.current();
  if (!known) {
    m_shownFilter.reset();
    m_signal->setOriginal({});
    m_spectrum->setOriginal({});
    m_hankel->setSingularValues({});
    m_poles->setPoles({});
    return;
  }
  if (known->filter != m_shownFilter) {
    m_shownFilter = known->filter;
    m_shownReducer.reset();
    m_shownCurve.reset();
    m_shownCertificate.reset();
    m_shownTail.reset();
    showProvenance();
    m_signal->setOriginal(known->filter->taps);
    m_signal->setEffectiveLength(
        known->statistics.finite ? std::optional<double>(known->statistics.effectiveLengthSamples) : std::nullopt);
    if (known->response)
      m_spectrum->setOriginal({known->response->decibels, known->response->phase, known->response->groupDelay});
    else
      m_spectrum->setOriginal({});
    m_hankel->setErrors({});
    m_hankel->setCertificate({});
    m_hankel->setTwiceTailSum({});
    m_hankel->setSuggestedOrders({});
  }
  if (known->reducer != m_shownReducer || (known->hankel && known->twiceTail != m_shownTail)) {
    m_shownReducer = known->reducer;
    const bool converged = known->hankel != nullptr;
    std::vector<double> values = converged        ? known->hankel->values
                                 : known->reducer ? known->reducer->sigma()
                                                  : std::vector<double>{};
    // A first look at a long filter knows less; the axis is as it will be then.
    const bool first = !converged && known->reducer && known->reducer->maxOrder() < Document::maxOrder;
    if (first || values.size() > Document::maxOrder + 1)
      values.resize(Document::maxOrder + 1, std::numeric_limits<double>::quiet_NaN());
    m_hankel->setSingularValues(std::move(values), converged);
    m_hankel->setOrder(m_analyst.shownOrder());
  }
  if (known->certificate && known->certificate != m_shownCertificate) {
    m_shownCertificate = known->certificate;
    m_hankel->setCertificate(known->certificate->error);
  }
  if (known->twiceTail && known->twiceTail != m_shownTail) {
    m_shownTail = known->twiceTail;
    m_hankel->setTwiceTailSum(*known->twiceTail);
  }
  if (known->curve && known->curve != m_shownCurve) {
    m_shownCurve = known->curve;
    std::vector<double> errors;
    for (const auto& fit : known->curve->fits) errors.push_back(fit->errorRelative);
    m_hankel->setErrors(std::move(errors));
    std::vector<widgets::SuggestedOrder> suggestions;
    for (const int order : known->curve->suggestedOrders()) {
      const double error = known->curve->fits[static_cast<std::size_t>(order)]->errorRelative;
      suggestions.push_back({order, tr("the error drops to %1 here").arg(percent(error))});
    }
    m_hankel->setSuggestedOrders(std::move(suggestions));
  }
}

void PlotDeck::showFit() {
  const auto view = m_analyst.fit();
  m_signal->setHighlight({});
  if (!view) {
    m_signal->setFit({});
    m_spectrum->setFit({});
    m_spectrum->setResidual({});
    m_poles->setPoles({});
    return;
  }
  m_signal->setFit(view->impulse);
  m_spectrum->setFit({view->response.decibels, view->response.phase, view->response.groupDelay});
  m_spectrum->setResidual(m_residualSpectrum->isChecked() ? view->residualDecibels : std::vector<double>{});
  m_poles->setPoles(view->fit->model.poles(), view->fit->model.residues());
  if (m_hankel->order() != m_analyst.shownOrder()) m_hankel->setOrder(m_analyst.shownOrder());
}

void PlotDeck::highlightMode(int pole) {
  const auto view = m_analyst.fit();
  if (!view || pole < 0) {
    m_signal->setHighlight({});
    return Q_EMIT modeTold({});
  }
  // poles() lists both members of a pair, then the real poles.
  int mode = 0;
  for (int index = 0; mode < view->fit->model.complexModes(); ++mode) {
    index += view->fit->model.modes[static_cast<std::size_t>(mode)].order();
    if (pole < index) break;
  }
  if (mode == view->fit->model.complexModes()) return;
  const analysis::Mode& chosen = view->fit->model.modes[static_cast<std::size_t>(mode)];
  m_signal->setHighlight(
      view->fit->model.modeResponse(mode, static_cast<int>(view->impulse.size())),
      chosen.pair ? tr("mode %1 (a conjugate pair)").arg(mode + 1) : tr("mode %1 (a real pole)").arg(mode + 1));
  Q_EMIT modeTold(modeSentence(mode, chosen));
}

void PlotDeck::buildSwitches() {
  auto* residual = new QAction(tr("Residual on a &logarithmic axis"), this);
  residual->setCheckable(true);
  residual->setObjectName(QStringLiteral("plots.residualLog"));
  residual->setToolTip(tr("Show |h − ĥ| on a logarithmic axis below the impulse response"));
  residual->setShortcut(QKeySequence(Qt::Key_L));
  connect(residual, &QAction::toggled, m_signal, &widgets::SignalPlot::setResidualLog);
  m_residualSpectrum = new QAction(tr("Residual in the spectr&um"), this);
  m_residualSpectrum->setCheckable(true);
  m_residualSpectrum->setObjectName(QStringLiteral("plots.residualSpectrum"));
  m_residualSpectrum->setToolTip(tr("Show the spectrum of h − ĥ beside the two"));
  m_residualSpectrum->setShortcut(QKeySequence(Qt::Key_S));
  connect(m_residualSpectrum, &QAction::toggled, this, &PlotDeck::showFit);
  auto* quantity = new QAction(tr("Spectrum: next &quantity (magnitude, phase, group delay)"), this);
  quantity->setObjectName(QStringLiteral("plots.quantity"));
  quantity->setToolTip(tr("Magnitude, phase or group delay"));
  quantity->setShortcut(QKeySequence(Qt::Key_Q));
  connect(quantity, &QAction::triggered, this, [this] {
    const int next = (static_cast<int>(m_spectrum->quantity()) + 1) % 3;
    m_spectrum->setQuantity(static_cast<widgets::SpectrumPlot::Quantity>(next));
  });
  auto* rim = new QAction(tr("Poles near the &rim: distance to the unit circle over angle"), this);
  rim->setCheckable(true);
  rim->setObjectName(QStringLiteral("plots.rim"));
  rim->setToolTip(tr("Tell poles of long memory apart on a logarithmic distance"));
  rim->setShortcut(QKeySequence(Qt::Key_R));
  connect(rim, &QAction::toggled, this,
          [this](bool on) { m_poles->setView(on ? widgets::PolePlot::View::Rim : widgets::PolePlot::View::Plane); });
  m_switches = {residual, m_residualSpectrum, quantity, rim};
}

}  // namespace app
