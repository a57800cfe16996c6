#include "app/report.h"

#include <QBuffer>
#include <QFileInfo>
#include <QPageSize>
#include <QPdfWriter>
#include <QSaveFile>
#include <QTextDocument>

#include "app/sessionfile.h"

namespace app {

namespace {

constexpr int figureWidth = 640;  // CSS pixels: what fits on a page of A4

QString embedded(const QImage& picture) {
  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  picture.save(&buffer, "PNG");
  return QStringLiteral("<img src=\"data:image/png;base64,%1\" width=\"%2\" alt=\"\">")
      .arg(QString::fromLatin1(bytes.toBase64()))
      .arg(figureWidth);
}

QString cells(const QStringList& texts, const char* tag) {
  QString out = QStringLiteral("<tr>");
  for (int i = 0; i < texts.size(); ++i)
    out += QStringLiteral("<%1 align=\"%2\">%3</%1>")
               .arg(QLatin1String(tag), i == 0 ? QStringLiteral("left") : QStringLiteral("right"),
                    texts[i].toHtmlEscaped());
  return out + QStringLiteral("</tr>\n");
}

}  // namespace

QString reportHtml(const Report& report) {
  QString html = QStringLiteral(
                     "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%1</title>\n<style>"
                     "body { font-family: Inter, sans-serif; font-size: 13px; max-width: 720px; margin: 32px auto; }"
                     "table { border-collapse: collapse; } td, th { padding: 2px 10px; } th { color: #555; }"
                     "td { font-family: 'JetBrains Mono', monospace; font-size: 12px; }"
                     ".foot { color: #555; font-size: 11px; }</style></head><body>\n<h1>%1</h1>\n")
                     .arg(report.title.toHtmlEscaped());
  html += QStringLiteral("<table>\n");
  for (const auto& [name, value] : report.facts)
    html += QStringLiteral("<tr><th align=\"left\">%1</th><td>%2</td></tr>\n").arg(name.toHtmlEscaped(), value.toHtmlEscaped());
  html += QStringLiteral("</table>\n");
  for (const auto& [caption, picture] : report.figures)
    html += QStringLiteral("<h2>%1</h2>\n%2\n").arg(caption.toHtmlEscaped(), embedded(picture));
  html += QStringLiteral("<h2>Filters</h2>\n<table>\n") + cells(report.headers, "th");
  for (const QStringList& row : report.rows) html += cells(row, "td");
  html += QStringLiteral("</table>\n<p class=\"foot\">%1</p>\n</body></html>\n").arg(report.provenance.toHtmlEscaped());
  return html;
}

QString writeReport(const Report& report, const QString& path) {
  if (!path.endsWith(QLatin1String(".pdf"))) return writeWhole(path, reportHtml(report).toStdString());
  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  {
    QPdfWriter writer(&buffer);
    writer.setPageSize(QPageSize(QPageSize::A4));
    writer.setResolution(96);
    writer.setTitle(report.title);
    writer.setCreator(QStringLiteral("Polecat"));
    QTextDocument document;
    document.setHtml(reportHtml(report));
    document.print(&writer);
  }
  return writeWhole(path, bytes.toStdString());
}

}  // namespace app
