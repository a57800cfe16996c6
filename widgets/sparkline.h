// A curve in a table cell: how fast the singular values of a filter fall, on a logarithmic scale, and how many of them
// are kept.
#pragma once

#include <QPainter>
#include <QStyledItemDelegate>
#include <span>

#include "widgets/theme.h"

namespace widgets {

// Draws log10 of `values` (largest first; those below 1e-8 of the first lie on the floor) into `box`; dots none, the
// part up to `kept` in the colour of Original, the rest muted. kept < 0: all kept. O(values).
void paintSparkline(QPainter& painter, const QRectF& box, std::span<const double> values, int kept, const Theme& theme);

// Give cells a QList<double> under valuesRole and, if wanted, an int under keptRole.
class SparklineDelegate : public QStyledItemDelegate {
  Q_OBJECT

 public:
  static constexpr int valuesRole = Qt::UserRole + 101;
  static constexpr int keptRole = Qt::UserRole + 102;

  using QStyledItemDelegate::QStyledItemDelegate;
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

}  // namespace widgets
