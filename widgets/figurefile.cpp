#include "widgets/figurefile.h"

#include <QBuffer>
#include <QFileInfo>
#include <QObject>
#include <QPdfWriter>
#include <QSvgGenerator>
#include <algorithm>

#include "widgets/wholefile.h"

namespace widgets {
namespace {

constexpr int logicalDpi = 96;

QSize held(QSize size) {
  return size.expandedTo({120, 90}).boundedTo({8192, 8192});
}

// Vector formats take lines and text as they are, not pictures of them.
bool paintOn(QPaintDevice& device, const Drawing& drawing, QSize size) {
  QCPPainter painter;
  if (!painter.begin(&device)) return false;
  painter.setMode(QCPPainter::pmVectorized);
  painter.setMode(QCPPainter::pmNoCaching);
  painter.fillRect(QRect(QPoint(), size), drawing.ground);
  drawing.paint(painter, size);
  return painter.end();
}

QByteArray vectorBytes(const Drawing& drawing, bool svg, QSize size) {
  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  if (svg) {
    QSvgGenerator device;
    device.setOutputDevice(&buffer);
    device.setSize(size);
    device.setViewBox(QRect(QPoint(), size));
    device.setResolution(logicalDpi);
    device.setTitle(drawing.title);
    device.setDescription(drawing.description);
    if (!paintOn(device, drawing, size)) return {};
  } else {
    QPdfWriter device(&buffer);
    device.setResolution(logicalDpi);
    device.setPageMargins({});
    device.setPageSize(QPageSize(QSizeF(size) * 72.0 / logicalDpi, QPageSize::Point));
    device.setTitle(drawing.title);
    device.setCreator(QStringLiteral("Polecat " POLECAT_VERSION));
    if (!paintOn(device, drawing, size)) return {};
  }
  buffer.close();
  return bytes;
}

}  // namespace

QImage figureImage(const Drawing& drawing, const ExportOptions& options) {
  const QSize size = held(options.size);
  const double scale = std::clamp(options.scale, 1.0, 4.0);
  QImage picture(size * scale, QImage::Format_ARGB32_Premultiplied);
  if (picture.isNull()) return picture;
  picture.setDevicePixelRatio(scale);
  picture.fill(drawing.ground);
  QCPPainter painter;
  painter.begin(&picture);
  drawing.paint(painter, size);
  painter.end();
  return picture;
}

QString writeFigure(const Drawing& drawing, const QString& path, const ExportOptions& options) {
  const QString suffix = QFileInfo(path).suffix().toLower();
  QByteArray bytes;
  if (suffix == QLatin1String("png")) {
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    figureImage(drawing, options).save(&buffer, "PNG");
  } else if (suffix == QLatin1String("svg") || suffix == QLatin1String("pdf")) {
    bytes = vectorBytes(drawing, suffix == QLatin1String("svg"), held(options.size));
  } else {
    return QObject::tr("Cannot export to %1: the name must end in .png, .svg or .pdf.").arg(path);
  }
  if (bytes.isEmpty()) return QObject::tr("Cannot draw the figure for %1: try a smaller size.").arg(path);
  return writeWhole(path, bytes);
}

}  // namespace widgets
