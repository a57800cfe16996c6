// What the open file lacks, holds besides, or holds twice: one row a tensor, the gravest first. Hidden when there is
// nothing to tell.
#pragma once

#include <QTableWidget>

#include "analysis/checkpoint/checkpoint.h"

namespace app {

class ReportList : public QTableWidget {
  Q_OBJECT

 public:
  explicit ReportList(QWidget* parent = nullptr);

  enum Column { kind, tensor, reason, columns };
  // nullptr: no file is open. O(entries), of which a thousand are shown.
  void tell(const analysis::Checkpoint*);
};

}  // namespace app
