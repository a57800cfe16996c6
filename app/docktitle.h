// The slim head of a docked panel: its name where the panel does not say it itself, a grip to drag, float and close.
#pragma once

#include <QDockWidget>
#include <QWidget>

class QLabel;
class QToolButton;

namespace app {

class DockTitle : public QWidget {
  Q_OBJECT

 public:
  // `named` false: the content has a title of its own, the head stays blank while docked.
  DockTitle(QDockWidget*, bool named);
  // Hidden it takes no room; a dock would keep it.
  QSize sizeHint() const override { return isHidden() ? QSize(0, 0) : QWidget::sizeHint(); }
  QSize minimumSizeHint() const override { return isHidden() ? QSize(0, 0) : QWidget::minimumSizeHint(); }

 protected:
  bool event(QEvent*) override;

 private:
  void restyle();

  QLabel* m_name;
  QToolButton *m_float, *m_close;
};

}  // namespace app
