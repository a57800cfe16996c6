// What the selected filter is laid against: a pinned filter ("pin A, look at B"), or the filter of the same name in a
// second checkpoint. Its curves lie over the plots with a look of their own.
#pragma once

#include <QObject>
#include <QString>
#include <memory>
#include <optional>
#include <vector>

#include "app/analyst.h"
#include "app/document.h"
#include "app/jobs.h"

namespace app {

// A filter to compare with, on the grids of the plots.
struct ReferenceView {
  QString name;  // "A: 0.3" or "0.3 of other.ckpt"
  std::vector<double> taps, decibels;
  // ||h - h_A|| / ||h_A|| of the shown filter over the lags both have; NaN when h_A is zero.
  double distanceRelative = 0;
  std::vector<double> difference;  // h - h_A, as long as the shorter of the two
  std::vector<double> differenceDecibels;
};

class Reference : public QObject {
  Q_OBJECT

 public:
  Reference(Document&, Analyst&, Jobs&, QObject* parent = nullptr);

  // Pins the filter that is selected now; the same one again lets go of it.
  void togglePin();
  // Pins the filter with this name, in a job; an unknown name pins nothing.
  void pin(const std::string& name);
  // Opens a second checkpoint in a job; each selected filter is laid against the one of the same name there.
  void compareWith(const QString& path);
  void clear();

  bool active() const { return m_pinned || m_other; }
  QString otherPath() const { return m_otherPath; }
  std::string pinnedName() const { return m_pinned ? m_pinned->name : std::string(); }
  // Of how many filters of the open model the second one has a namesake; 0 without one.
  int matchedCount() const { return m_matched; }
  // None while nothing is compared, while it is computed, and for filters without a namesake.
  const std::optional<ReferenceView>& view() const { return m_view; }

 Q_SIGNALS:
  void changed();
  // A second checkpoint is open: says how many names matched.
  void told(const QString& sentence);
  void failed(const QString& sentence);

 private:
  void refresh();

  Document& m_document;
  Analyst& m_analyst;
  Jobs& m_jobs;
  std::shared_ptr<const analysis::Filter> m_pinned;
  std::shared_ptr<const analysis::Checkpoint> m_other;
  QString m_otherPath;
  int m_matched = 0;
  std::shared_ptr<const analysis::Filter> m_shown;  // what m_view was made for
  std::optional<ReferenceView> m_view;
};

// The filter with this name, or none. O(banks).
std::optional<analysis::FilterId> filterNamed(const analysis::Checkpoint&, const std::string& name);

}  // namespace app
