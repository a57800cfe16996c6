// The layer of the selected filter as a heat map: a row per channel, |h| over the lag or the Hankel singular values over
// their index. A click selects the filter, a drag brushes channels, which the table then shows alone.
#pragma once

#include <QWidget>

#include "app/document.h"
#include "app/jobs.h"
#include "app/survey.h"

class QComboBox;
class QTimer;

namespace widgets {
class BankPlot;
}

namespace app {

class BankPanel : public QWidget {
  Q_OBJECT

 public:
  BankPanel(Document&, Jobs&, Survey&, QWidget* parent = nullptr);

  widgets::BankPlot& plot() const { return *m_plot; }

 Q_SIGNALS:
  // For the search line: "layer:2 channel>=5 channel<=9".
  void brushed(const QString& search);
  void failed(const QString& sentence);

 protected:
  void showEvent(QShowEvent*) override;

 private:
  void follow();
  void load();
  void loadImpulses();
  void loadSingularValues();
  void brush(int first, int last);

  Document& m_document;
  Jobs& m_jobs;
  Survey& m_survey;
  widgets::BankPlot* m_plot;
  QComboBox* m_quantity;
  QTimer* m_late;  // singular values arrive in many small parts
  int m_bank = -1;  // what the plot shows
};

}  // namespace app
