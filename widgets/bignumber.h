// A number to be read from afar: a caption, large figures that keep their places while they change, a unit, and a
// badge with a ratio ("11.2×").
#pragma once

#include <QString>
#include <QWidget>
#include <optional>

#include "widgets/theme.h"

namespace widgets {

class BigNumber : public QWidget {
  Q_OBJECT

 public:
  explicit BigNumber(const QString& caption, QWidget* parent = nullptr);

  void setCaption(const QString& caption);
  // Written with `digits` significant digits; none shows a dash. O(1); repaints only when the text changes.
  void setValue(std::optional<double> value, int digits = 3);
  // The text as it is, for numbers with a form of their own; digits in it keep their places too.
  void setText(const QString& text);
  QString text() const { return m_text; }
  void setUnit(const QString& unit);
  // A pill beside the number; none removes it.
  void setRatio(std::optional<double> ratio);
  // Marks the number with the colour and the marker of a lane.
  void setRole(std::optional<Role> role);

  // Room for figures that may still come; at least what is shown now.
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  bool event(QEvent* event) override;
  void paintEvent(QPaintEvent* event) override;

 private:
  void told();
  QSize sizeFor(const QString& figures) const;
  QString m_caption;
  QString m_text;
  QString m_unit;
  std::optional<double> m_ratio;
  std::optional<Role> m_role;
  int m_places = 5;  // room kept for figures; grows, never shrinks, so that nothing beside it jumps
};

// Width of a text in which every digit takes the room of the widest.
double tabularWidth(const QFont& font, const QString& text);
// Draws it with its left end on the base line at `origin`.
void paintTabular(QPainter& painter, QPointF origin, const QString& text);

}  // namespace widgets
