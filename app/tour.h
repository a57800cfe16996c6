// A guided walk over the window: one thing at a time is left bright, and a card beside it says what it shows and what
// to try: what is bright can be used.
#pragma once

#include <QPointer>
#include <QWidget>
#include <functional>
#include <vector>

class QLabel;
class QPushButton;

namespace app {

struct TourStep {
  QString title, text;
  std::function<QWidget*()> target;  // what is left bright; may arrange the window first
};

class Tour : public QWidget {
  Q_OBJECT

 public:
  // Covers `window`. The first step is shown at once; Escape or End closes, arrow keys walk.
  Tour(std::vector<TourStep>, QWidget* window);

  int step() const { return m_step; }
  int count() const { return static_cast<int>(m_steps.size()); }
  void showStep(int step);

 Q_SIGNALS:
  void ended();

 protected:
  bool eventFilter(QObject*, QEvent*) override;
  void paintEvent(QPaintEvent*) override;
  void keyPressEvent(QKeyEvent*) override;

 private:
  void place();

  std::vector<TourStep> m_steps;
  int m_step = 0;
  QPointer<QWidget> m_target;
  QWidget* m_card;
  QLabel *m_title, *m_text, *m_place;
  QPushButton *m_back, *m_next;
};

}  // namespace app
