// The four linked plots of the selected filter, fed by the analyst: impulse response, spectrum, Hankel, poles.
#pragma once

#include <QList>
#include <QObject>
#include <vector>

#include "app/analyst.h"
#include "app/document.h"

class QAction;
class QWidget;

namespace widgets {
class HankelPlot;
class Plot;
class PolePlot;
class SignalPlot;
class SpectrumPlot;
}  // namespace widgets

namespace app {

class PlotDeck : public QObject {
  Q_OBJECT

 public:
  struct Panel {
    QString name, title;
    QWidget* plot;
  };

  // The plots belong to nobody until panels() are put into a window.
  PlotDeck(Document&, Analyst&, QObject* parent);

  std::vector<Panel> panels() const;
  widgets::SignalPlot& signal() const { return *m_signal; }
  widgets::SpectrumPlot& spectrum() const { return *m_spectrum; }
  widgets::HankelPlot& hankel() const { return *m_hankel; }
  widgets::PolePlot& poles() const { return *m_poles; }
  // What can be switched in the plots, for the menu: residual scale, spectrum quantity, pole view.
  QList<QAction*> switches() const { return m_switches; }

 Q_SIGNALS:
  // The person settled on an order in the Hankel plot.
  void orderChosen(int order);
  // A sentence about the mode whose pole is pointed at; empty when none is.
  void modeTold(const QString& sentence);

 private:
  void showAnalysis();
  void showFit();
  void showProvenance();
  void highlightMode(int pole);
  void buildSwitches();

  Document& m_document;
  Analyst& m_analyst;
  widgets::SignalPlot* m_signal;
  widgets::SpectrumPlot* m_spectrum;
  widgets::HankelPlot* m_hankel;
  widgets::PolePlot* m_poles;
  QList<QAction*> m_switches;
  QAction* m_residualSpectrum = nullptr;
  // What the plots hold already: a stage that adds nothing to a plot must not redraw it.
  std::shared_ptr<const analysis::Filter> m_shownFilter;
  std::shared_ptr<const analysis::Reducer> m_shownReducer;
  std::shared_ptr<const analysis::OrderCurve> m_shownCurve;
  std::shared_ptr<const analysis::Certificate> m_shownCertificate;
  std::shared_ptr<const std::vector<double>> m_shownTail;
};

}  // namespace app
