// The line of talk mode, to be read from the back row: what is on the screen in four large numbers.
#pragma once

#include <QWidget>

#include "app/analyst.h"
#include "app/document.h"
#include "app/generation.h"

class QLabel;

namespace widgets {
class BigNumber;
}

namespace app {

class TalkBar : public QWidget {
  Q_OBJECT

 public:
  TalkBar(Document&, Analyst&, GenerationRun&, QWidget* parent = nullptr);
  // Speed: the speed-up of the last run, and what it was measured on. Else: order and error of the filter.
  void showSpeed(bool);

 protected:
  bool event(QEvent*) override;

 private:
  void refresh();
  void restyle();

  Document& m_document;
  Analyst& m_analyst;
  GenerationRun& m_run;
  QLabel *m_title, *m_remark;
  widgets::BigNumber *m_order, *m_error, *m_certificate, *m_speedUp, *m_memory;
  bool m_speed = false;
};

}  // namespace app
