// A Plot as picture and table.
#include <QApplication>
#include <QBuffer>
#include <QClipboard>
#include <QDialog>
#include <QFileInfo>
#include <QPdfWriter>
#include <QSaveFile>
#include <QSvgGenerator>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>

#include "widgets/plotstate.h"

namespace widgets {
namespace {

constexpr int logicalDpi = 96;

QSize sane(QSize size) {
  return size.expandedTo({120, 90}).boundedTo({8192, 8192});
}

}  // namespace

// Paints the plot as it would look at another size, and leaves the widget as it was.
void Plot::render(QPaintDevice& device, QSize size) const {
  QCPPainter painter;
  if (!painter.begin(&device)) return;
  if (device.devType() != QInternal::Image) {
    painter.setMode(QCPPainter::pmVectorized);
    painter.setMode(QCPPainter::pmNoCaching);
  }
  m_parts->canvas->toPainter(&painter, size.width(), size.height());
  painter.end();
}

namespace {

// Puts a plot into its printed state, and back when it goes.
class Printing {
 public:
  Printing(bool& flag, PlotFooter& footer) : m_flag(flag), m_footer(footer) {
    m_flag = true;
    m_footer.setShown(true);
  }
  ~Printing() {
    m_flag = false;
    m_footer.setShown(false);
  }
  Printing(const Printing&) = delete;
  Printing& operator=(const Printing&) = delete;

 private:
  bool& m_flag;
  PlotFooter& m_footer;
};

}  // namespace

QImage Plot::image(const ExportOptions& options) const {
  const QSize size = sane(options.size);
  const double scale = std::clamp(options.scale, 1.0, 4.0);
  QImage picture(size * scale, QImage::Format_ARGB32_Premultiplied);
  picture.setDevicePixelRatio(scale);
  auto* self = const_cast<Plot*>(this);  // the canvas must take on the size; it is put back below
  const Theme screen = theme();
  if (options.theme) self->restyle(*options.theme);
  picture.fill(theme().colour(Role::Surface));
  {
    const Printing printing(m_parts->exporting, *m_parts->footer);
    render(picture, size);
  }
  if (options.theme) self->restyle(screen);
  self->refresh();
  return picture;
}

QString Plot::exportTo(const QString& path, const ExportOptions& options) const {
  const QString suffix = QFileInfo(path).suffix().toLower();
  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  const QSize size = sane(options.size);
  if (suffix == QLatin1String("png")) {
    image(options).save(&buffer, "PNG");
  } else if (suffix == QLatin1String("svg") || suffix == QLatin1String("pdf")) {
    auto* self = const_cast<Plot*>(this);
    const Theme screen = theme();
    if (options.theme) self->restyle(*options.theme);
    {
      const Printing printing(m_parts->exporting, *m_parts->footer);
      if (suffix == QLatin1String("svg")) {
        QSvgGenerator svg;
        svg.setOutputDevice(&buffer);
        svg.setSize(size);
        svg.setViewBox(QRect(QPoint(), size));
        svg.setResolution(logicalDpi);
        svg.setTitle(title());
        svg.setDescription(provenance());
        render(svg, size);
      } else {
        QPdfWriter pdf(&buffer);
        pdf.setResolution(logicalDpi);
        pdf.setPageMargins({});
        pdf.setPageSize(QPageSize(QSizeF(size) * 72.0 / logicalDpi, QPageSize::Point));
        pdf.setTitle(title());
        pdf.setCreator(QStringLiteral("Polecat " POLECAT_VERSION));
        render(pdf, size);
      }
    }
    if (options.theme) self->restyle(screen);
    self->refresh();
  } else {
    return tr("Cannot export to %1: the name must end in .png, .svg or .pdf.").arg(path);
  }
  buffer.close();
  if (bytes.isEmpty()) return tr("Cannot draw the figure for %1: try a smaller size.").arg(path);
  QSaveFile file(path);
  if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size() || !file.commit()) {
    return tr("Cannot write %1: %2.").arg(path, file.errorString());
  }
  return {};
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
