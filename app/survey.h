// One line of knowledge per filter for the table: computed in the background, rows in sight first, kept for as long as
// the document is open (about 450 bytes a row). Rows whose order changed are done again.
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QTimer>
#include <array>
#include <vector>

#include "analysis/response/statistics.h"
#include "app/document.h"
#include "app/jobs.h"

namespace app {

struct FilterSummary {
  static constexpr int sigmaCount = 24;

  bool described = false;  // statistics are known
  analysis::Statistics statistics;
  int lengthSamples = 0;

  bool fitted = false;  // the rest is known, for this order:
  int order = -1;
  float errorRelative = 0;
  float certificate = 0;  // 0: below its numerical floor
  float spectralRadius = 0;
  std::array<float, sigmaCount> sigma{};  // leading Hankel singular values, as shares of the first

  // "At most this many times the best possible"; 0 when not known.
  float ratio() const { return fitted && certificate > 0 ? errorRelative / certificate : 0; }
};

class Survey : public QObject {
  Q_OBJECT

 public:
  Survey(Document&, Jobs&, QObject* parent = nullptr);

  const FilterSummary& summary(int row) const { return m_summaries[static_cast<std::size_t>(row)]; }
  // The smallest order whose error is within the tolerance, by the curve of the spectral starts alone: a plan may find a
  // smaller one. -1 while not known, Document::maxOrder + 1 when no order is. O(orders).
  int suggestedOrder(int row, double tolerance) const;
  // Rows in sight: done before all others.
  void setVisibleRows(std::vector<int> rows);
  int pendingCount() const;
  // Held, it leaves the processor to others, a generation that is being timed, and goes on where it was afterwards.
  void setHeld(bool);

 Q_SIGNALS:
  void summarised(const std::vector<int>& rows);

 private:
  void reset();
  void restart();

  Document& m_document;
  Jobs& m_jobs;
  std::vector<FilterSummary> m_summaries;
  std::vector<std::vector<float>> m_errors;  // of the spectral starts by order; empty while not known
  std::vector<int> m_visible;
  bool m_held = false;
  QTimer m_rest;  // runs out when the orders have not changed for a moment
};

}  // namespace app
