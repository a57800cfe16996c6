#include "widgets/sparkline.h"

#include <QApplication>
#include <algorithm>
#include <cmath>

namespace widgets {
namespace {

constexpr double decades = 3;  // what lies deeper no tolerance asks for

}  // namespace

void paintSparkline(QPainter& painter, const QRectF& box, std::span<const double> values, int kept,
                    const Theme& theme) {
  if (values.size() < 2 || !(values.front() > 0) || box.isEmpty()) return;
  const auto place = [&](size_t i) {
    const double fall = values[i] > 0 ? -std::log10(values[i] / values.front()) : decades;
    return QPointF(box.left() + box.width() * static_cast<double>(i) / static_cast<double>(values.size() - 1),
                   box.top() + box.height() * std::clamp(fall / decades, 0.0, 1.0));
  };
  const size_t last = values.size() - 1;
  const size_t split = kept < 0 ? last : std::min(last, static_cast<size_t>(kept));
  QPolygonF left, right;
  for (size_t i = 0; i <= split; ++i) left << place(i);
  for (size_t i = split; i <= last; ++i) right << place(i);

  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  QColor fill = theme.colour(Role::Original);
  painter.setPen(Qt::NoPen);
  fill.setAlphaF(0.15F);
  painter.setBrush(fill);
  QPolygonF area = left;
  area << QPointF(left.last().x(), box.bottom()) << QPointF(left.first().x(), box.bottom());
  painter.drawPolygon(area);
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(theme.colour(Role::Axis), 1.2 * theme.scale()));
  painter.drawPolyline(right);
  painter.setPen(QPen(theme.colour(Role::Original), 1.6 * theme.scale()));
  painter.drawPolyline(left);
  painter.restore();
}

void SparklineDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
  QStyleOptionViewItem cell = option;
  initStyleOption(&cell, index);
  cell.text.clear();
  const QStyle* style = cell.widget ? cell.widget->style() : QApplication::style();
  style->drawControl(QStyle::CE_ItemViewItem, &cell, painter, cell.widget);
  const auto values = index.data(valuesRole).value<QList<double>>();
  const QVariant kept = index.data(keptRole);
  const Theme theme = applicationTheme();
  const int pad = theme.space(1);
  paintSparkline(*painter, QRectF(option.rect).adjusted(pad, pad, -pad, -pad),
                 {values.constData(), static_cast<size_t>(values.size())}, kept.isValid() ? kept.toInt() : -1, theme);
}

QSize SparklineDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
  const Theme theme = applicationTheme();
  return {theme.space(20), std::max(theme.space(6), QStyledItemDelegate::sizeHint(option, index).height())};
}

}  // namespace widgets
