// Text that changes all the time in a place that does not: unlike a QLabel it never asks for a new layout, which in a
// main window costs several milliseconds per change.
#pragma once

#include <QWidget>

namespace app {

class ValueLabel : public QWidget {
  Q_OBJECT

 public:
  // Room for this many digits of its font; 0 takes the room it is given.
  explicit ValueLabel(int characters, QWidget* parent = nullptr);
  void setText(const QString&);
  const QString& text() const { return m_text; }
  // Horizontal; left unless set. Text that does not fit ends in an ellipsis.
  void setAlignment(Qt::Alignment horizontal) { m_alignment = horizontal; }
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent*) override;

 private:
  QString m_text;
  int m_characters;
  Qt::Alignment m_alignment = Qt::AlignLeft;
};

}  // namespace app
