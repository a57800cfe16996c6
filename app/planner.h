// Orders for many filters at once, and the distilled models of the whole plan as a file: long jobs with progress.
#pragma once

#include <QObject>
#include <vector>

#include "analysis/reduction/distilled.h"
#include "app/document.h"
#include "app/jobs.h"

namespace app {

class Planner : public QObject {
  Q_OBJECT

 public:
  Planner(Document&, Jobs&, QObject* parent = nullptr);

  // Gives each row the smallest order whose relative error is at most `tolerance` (the largest order where none is):
  // one undoable step when all rows are known. Cancelling changes nothing.
  void fitToTolerance(const std::vector<int>& rows, double tolerance);
  // Shares this many real states among the rows so that the errors together are least (analysis/reduction/plan.h); what
  // locked rows hold counts against it.
  void fitToBudget(const std::vector<int>& rows, long long states);
  // Fits every filter at its planned order and writes the models (.safetensors or .h5).
  void exportDistilled(const QString& path);

 Q_SIGNALS:
  void planned(int rows);
  void exported(const QString& path);
  void failed(const QString& sentence);

 private:
  // Locked rows are left out.
  // Fits as the document says what counts.
  void weigh(analysis::DistilRequest&) const;
  void choose(const std::vector<int>& rows, analysis::DistilRequest, const QString& title);

  Document& m_document;
  Jobs& m_jobs;
};

}  // namespace app
