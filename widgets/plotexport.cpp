// A Plot as picture and table.
#include <QApplication>
#include <QClipboard>
#include <QDialog>
#include <QTableView>
#include <QVBoxLayout>
#include <utility>

#include "widgets/figurefile.h"
#include "widgets/plotstate.h"

namespace widgets {

// The canvas must take on size, theme and footer of the figure while it is drawn; afterwards it is as before.
void Plot::paintFigure(QCPPainter& painter, QSize size, const std::optional<Theme>& figureTheme,
                       bool withProvenance) const {
  Parts& p = *m_parts;
  auto* self = const_cast<Plot*>(this);
  const Theme screen = p.theme;
  const QSize before = p.canvas->size();
  if (figureTheme) self->restyle(*figureTheme);
  p.exporting = true;
  p.footer->setShown(withProvenance);
  p.main->setVisible(!isEmpty());
  p.layOut(size);
  p.canvas->toPainter(&painter, size.width(), size.height());
  p.exporting = false;
  p.footer->setShown(false);
  if (figureTheme) self->restyle(screen);
  p.canvas->setViewport(QRect(QPoint(), before));
  self->refresh();
}

QImage Plot::image(const ExportOptions& options) const {
  return figureImage({title(), provenance(), options.theme.value_or(theme()).colour(Role::Surface),
                      [&](QCPPainter& painter, QSize size) { paintFigure(painter, size, options.theme, true); }},
                     options);
}

QString Plot::exportTo(const QString& path, const ExportOptions& options) const {
  return writeFigure({title(), provenance(), options.theme.value_or(theme()).colour(Role::Surface),
                      [&](QCPPainter& painter, QSize size) { paintFigure(painter, size, options.theme, true); }},
                     path, options);
}

void Plot::copyImage() const {
  QApplication::clipboard()->setImage(image({size(), 2, std::nullopt}));
}

void Plot::showTable() {
  auto* dialog = new QDialog(this);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setWindowTitle(tr("%1: data").arg(title().isEmpty() ? m_parts->name : title()));
  auto* view = new QTableView(dialog);
  view->setModel(new DataTableModel(table(), view));
  view->setAccessibleName(dialog->windowTitle());
  view->setFont(theme().figures(TextSize::Body));
  auto* layout = new QVBoxLayout(dialog);
  layout->addWidget(view);
  dialog->resize(640, 480);
  dialog->show();
}

}  // namespace widgets
