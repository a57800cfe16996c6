#include "widgets/figurepage.h"

#include <algorithm>
#include <cmath>

#include "widgets/figurefile.h"

namespace widgets {
namespace {

Theme themeOf(const FigurePage& page, const ExportOptions& options) {
  if (options.theme) return *options.theme;
  return page.plots.empty() ? applicationTheme() : page.plots.front()->theme();
}

void paintPage(const FigurePage& page, const Theme& theme, QCPPainter& painter, QSize size) {
  const int pad = theme.space(4);
  QRect area = QRect(QPoint(), size).adjusted(0, pad, 0, -pad);
  if (!page.title.isEmpty()) {
    const QFont font = theme.font(TextSize::Large, QFont::DemiBold);
    const int height = qCeil(QFontMetricsF(font).height());
    painter.setFont(font);
    painter.setPen(theme.colour(Role::Text));
    painter.drawText(QRectF(pad, area.top(), area.width() - 2 * pad, height), Qt::AlignLeft | Qt::AlignVCenter,
                     QFontMetricsF(font).elidedText(page.title, Qt::ElideRight, area.width() - 2 * pad));
    area.setTop(area.top() + height + theme.space(2));
  }
  if (!page.provenance.isEmpty()) {
    const QFont font = theme.font(TextSize::Caption);
    const int height = qCeil(QFontMetricsF(font).height());
    painter.setFont(font);
    painter.setPen(theme.colour(Role::MutedText));
    painter.drawText(QRectF(pad, area.bottom() - height, area.width() - 2 * pad, height),
                     Qt::AlignRight | Qt::AlignVCenter,
                     QFontMetricsF(font).elidedText(page.provenance, Qt::ElideMiddle, area.width() - 2 * pad));
    area.setBottom(area.bottom() - height - theme.space(1));
  }
  const int count = static_cast<int>(page.plots.size());
  if (count == 0) return;
  const int columns = std::clamp(page.columns, 1, count);
  const int rows = (count + columns - 1) / columns;
  const int gap = theme.space(2);
  const QSize cell((area.width() - (columns - 1) * gap) / columns, (area.height() - (rows - 1) * gap) / rows);
  if (cell.width() < 60 || cell.height() < 60) return;
  for (int i = 0; i < count; ++i) {
    const QPoint corner(area.left() + (i % columns) * (cell.width() + gap),
                        area.top() + (i / columns) * (cell.height() + gap));
    painter.save();
    painter.translate(corner);
    page.plots[static_cast<size_t>(i)]->paintFigure(painter, cell, theme, false);
    painter.restore();
  }
}

Drawing drawingOf(const FigurePage& page, const ExportOptions& options) {
  const Theme theme = themeOf(page, options);
  return {page.title, page.provenance, theme.colour(Role::Surface),
          [&page, theme](QCPPainter& painter, QSize size) { paintPage(page, theme, painter, size); }};
}

}  // namespace

QImage pageImage(const FigurePage& page, const ExportOptions& options) {
  return figureImage(drawingOf(page, options), options);
}

QString exportPage(const FigurePage& page, const QString& path, const ExportOptions& options) {
  return writeFigure(drawingOf(page, options), path, options);
}

}  // namespace widgets
