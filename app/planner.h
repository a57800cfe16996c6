// Orders for many filters at once, and the distilled models of the whole plan as a file: long jobs with progress.
#pragma once

#include <QObject>
#include <memory>
#include <mutex>
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
  // Fits every filter at its planned order and writes the models (.safetensors, .h5 or .pt). With `filtersPerPoleSet`
  // neighbours of a bank share one set of poles, at the largest of their orders (analysis/reduction/joint.h). What is
  // finished when it is cancelled or cannot be written is kept: the same export goes on from there.
  void exportDistilled(const QString& path, int filtersPerPoleSet = 0);

 Q_SIGNALS:
  void planned(int rows);
  // `sharing`: what common poles cost and save; empty without.
  void exported(const QString& path, const QString& sharing);
  void failed(const QString& sentence);

 private:
  // Models of the last export, finished or not; shared with its job, which may still run when the next one starts.
  struct Kept {
    std::mutex mutex;
    analysis::Distilled models;
  };

  // Fits as the document says what counts.
  void weigh(analysis::DistilRequest&) const;
  // Locked rows are left out.
  void choose(const std::vector<int>& rows, analysis::DistilRequest, const QString& title);

  Document& m_document;
  Jobs& m_jobs;
  std::shared_ptr<Kept> m_kept = std::make_shared<Kept>();
};

}  // namespace app
