// The curve while it grows: the best candidate of every order, and the snapshots that are shown of it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "analysis/reduction/candidate.h"
#include "analysis/reduction/reducer.h"

namespace analysis {

class CurveBuilder {
 public:
  using Publish = std::function<void(std::shared_ptr<const OrderCurve>)>;

  // Target and task must outlive the builder. Order 0 is the feedthrough alone.
  CurveBuilder(const Target&, int maxOrder, std::vector<double> sigma, Publish, const Task&);

  int maxOrder() const { return static_cast<int>(m_best.size()) - 1; }
  const Candidate& best(int order) const { return m_best[static_cast<std::size_t>(order)]; }
  // True when the candidate (of that order or a smaller one) replaced the best: lower by more than the margin.
  bool offer(int order, Candidate, double margin = 0);
  // Overwrites: for a change that may cost a trace of error.
  void replace(int order, Candidate);
  // Counts the replacements of an order's best.
  int version(int order) const { return m_versions[static_cast<std::size_t>(order)]; }

  // Shown errors are true residuals; only of long filters (multiscale.h) they are the candidates' own until the final
  // curve, since the residuals of all orders would take longer than the fits. A shown fit is replaced only by a better
  // one, and each order shows the best of all orders up to it. The final curve is made of the best candidates alone: what
  // happened to be shown before, which depends on the clock, leaves no trace in it. Throws Stopped between orders.
  std::shared_ptr<const OrderCurve> publish(std::string stage, bool final = false);
  // publish() unless the last one was less than 50 ms, or ten times its own cost, ago: a growing curve should be seen
  // growing, but not wait for being seen.
  void publishSometimes(const std::string& stage);

 private:
  Fit exact(const Candidate&) const;
  Fit closedForm(const Candidate&) const;

  const Target& m_target;
  std::vector<Candidate> m_best;
  std::vector<int> m_versions, m_shownVersions;
  std::vector<std::shared_ptr<const Fit>> m_shown;
  std::vector<double> m_sigma;
  Publish m_publish;
  const Task& m_task;
  bool m_exactSnapshots;
  double m_lastPublished = 0, m_publishSeconds = 0;  // on the steady clock
};

}  // namespace analysis
