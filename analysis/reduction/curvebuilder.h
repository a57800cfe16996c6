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

  // The target must outlive the builder. Order 0 is the feedthrough alone.
  CurveBuilder(const Target&, int maxOrder, std::vector<double> sigma, Publish);

  int maxOrder() const { return static_cast<int>(m_best.size()) - 1; }
  const Candidate& best(int order) const { return m_best[static_cast<std::size_t>(order)]; }
  // True when the candidate (of that order or a smaller one) replaced the best: lower by more than the margin.
  bool offer(int order, Candidate, double margin = 0);
  // Overwrites: for finishing touches that may cost a trace of error.
  void replace(int order, Candidate);

  // Shown errors are true residuals; a shown fit is replaced only by a better one, and each order shows the best of
  // all orders up to it.
  std::shared_ptr<const OrderCurve> publish(std::string stage, bool final = false);
  // publish() unless the last one was less than 50 ms ago: a growing curve should be seen growing.
  void publishSometimes(const std::string& stage);

 private:
  const Target& m_target;
  std::vector<Candidate> m_best;
  std::vector<bool> m_changed;
  std::vector<std::shared_ptr<const Fit>> m_shown;
  std::vector<double> m_sigma;
  Publish m_publish;
  double m_lastPublished = 0;  // seconds on the steady clock
};

}  // namespace analysis
