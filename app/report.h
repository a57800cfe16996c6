// One page that tells what was found of a layer: figures, the table of its filters, plan, effect and speed. HTML with
// everything inside one file, or PDF.
#pragma once

#include <QImage>
#include <QString>
#include <QStringList>
#include <utility>
#include <vector>

namespace app {

struct Report {
  QString title;       // "Layer 2 of novels-hyena-1m.ckpt"
  QString provenance;  // model, module, program, day
  std::vector<std::pair<QString, QString>> facts;       // "States of the plan", "8 192"
  std::vector<std::pair<QString, QImage>> figures;      // caption, picture (at twice its size on the page)
  QStringList headers;
  std::vector<QStringList> rows;
};

// Text is escaped; pictures are embedded.
QString reportHtml(const Report&);
// By the suffix: .html or .pdf (A4). Empty, or one sentence.
QString writeReport(const Report&, const QString& path);

}  // namespace app
