#include "app/reportlist.h"

#include <QHeaderView>
#include <utility>
#include <vector>

#include "widgets/format.h"

namespace app {

ReportList::ReportList(QWidget* parent) : QTableWidget(0, columns, parent) {
  setObjectName(QStringLiteral("reportList"));
  setAccessibleName(tr("Missing, extra and tied tensors"));
  setHorizontalHeaderLabels({tr("Tensors"), tr("Name"), tr("Why")});
  setEditTriggers(QAbstractItemView::NoEditTriggers);
  setSelectionBehavior(QAbstractItemView::SelectRows);
  setShowGrid(false);
  setTabKeyNavigation(false);
  verticalHeader()->hide();
  horizontalHeader()->setHighlightSections(false);
  horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  horizontalHeader()->setStretchLastSection(true);
}

void ReportList::tell(const analysis::Checkpoint* checkpoint) {
  constexpr int most = 1000;
  setRowCount(0);
  setVisible(false);
  if (checkpoint == nullptr) return;
  const analysis::CheckpointReport& report = checkpoint->report();
  const std::vector<std::pair<QString, const std::vector<std::string>*>> lists{{tr("missing"), &report.missing},
                                                                               {tr("misshapen"), &report.shapeMismatch},
                                                                               {tr("skipped"), &report.skipped},
                                                                               {tr("extra"), &report.extra},
                                                                               {tr("tied"), &report.tied}};
  const auto add = [this](const QString& first, const QString& second, const QString& third) {
    const int row = rowCount();
    insertRow(row);
    setItem(row, kind, new QTableWidgetItem(first));
    setItem(row, tensor, new QTableWidgetItem(second));
    setItem(row, reason, new QTableWidgetItem(third));
    item(row, reason)->setToolTip(third);
  };
  long long left = 0;
  for (const auto& [title, entries] : lists) {
    for (const std::string& entry : *entries) {
      if (rowCount() == most) {
        ++left;
        continue;
      }
      const QString text = QString::fromStdString(entry);
      const qsizetype colon = text.indexOf(QLatin1String(": "));
      add(title, colon < 0 ? QString() : text.left(colon), colon < 0 ? text : text.mid(colon + 2));
    }
  }
  if (left > 0) add(tr("more"), tr("%1 others").arg(widgets::count(left)), tr("polecat inspect --json lists all"));
  resizeColumnsToContents();
  horizontalHeader()->setStretchLastSection(true);
  setVisible(rowCount() > 0);
}

}  // namespace app
