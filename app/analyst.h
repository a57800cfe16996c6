// Computes what the plots show of the selected filter, stage by stage, in jobs; keeps what it learnt in a cache bounded
// in bytes; answers an order step from the curve when the curve is there and from the reducer when it is not.
#pragma once

#include <QObject>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>

#include "app/document.h"
#include "app/filteranalysis.h"
#include "app/jobs.h"

namespace app {

class Analyst : public QObject {
  Q_OBJECT

 public:
  Analyst(Document&, Jobs&, QObject* parent = nullptr);

  // What is known of the selected filter; null before the first stage.
  std::shared_ptr<const FilterAnalysis> current() const { return m_current; }
  // The model last shown; null before the first fit. Its order may lag behind previewOrder by one job.
  std::shared_ptr<const FitView> fit() const { return m_fit; }

  // Shows this order of the selected filter without touching the plan (a drag under way).
  void preview(int order);
  int shownOrder() const { return m_shownOrder; }

  // Bytes of analyses kept for filters that are not selected. The selected one is always kept.
  void setCacheBytes(std::size_t bytes);
  std::size_t cacheBytes() const { return m_cacheBytes; }
  std::size_t cachedBytes() const { return m_cachedBytes; }
  // Analysis of a filter if it is cached.
  std::shared_ptr<const FilterAnalysis> cached(int row) const;

 Q_SIGNALS:
  // A stage of the selected filter arrived (or the selection changed and its stages are known already).
  void analysed();
  // fit() changed.
  void fitted();
  // A numerical failure, one sentence.
  void failed(const QString& sentence);

 private:
  void selectionChanged();
  using Publish = std::function<void(const FilterAnalysis& stage, bool alsoFit)>;
  // Makes a stage current on the GUI thread.
  Publish publisher(int row, const Jobs::Post&);
  void analyse(int row);
  void improve(int row, const FilterAnalysis&);
  // The certificate of a filter so long that its curve should not wait for it.
  void certify(int row, const FilterAnalysis&);
  void requestFit();
  // Shows `view` unless a better one of the same filter and order is shown already. The final curve's model is shown even
  // if it is worse by the hair that its numerical soundness may cost, so that every number tells of the same one.
  void show(std::shared_ptr<const FitView>);
  // Computes the views of the curve's models around the shown order, so that the next steps need no job.
  void prefetch();
  void keep(int row, std::shared_ptr<const FilterAnalysis>);
  void reset();

  struct Kept {
    std::shared_ptr<const FilterAnalysis> analysis;
    std::size_t bytes = 0;
    std::list<int>::iterator use;
  };

  Document& m_document;
  Jobs& m_jobs;
  std::shared_ptr<const FilterAnalysis> m_current;
  std::shared_ptr<const FitView> m_fit;
  int m_shownOrder = 0;
  // Views of the selected filter's curve by order; a view of another curve's fit is stale and not shown.
  std::unordered_map<int, std::shared_ptr<const FitView>> m_views;
  std::size_t m_cacheBytes = 256u << 20, m_cachedBytes = 0;
  std::list<int> m_recency;  // most recent first
  std::unordered_map<int, Kept> m_kept;
};

}  // namespace app
