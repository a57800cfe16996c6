// The path exchange (reduction page, 4.6 and 4.8): neighbours on the curve offer each other their models, one mode
// more or one mode less, until nobody improves.
#pragma once

#include <functional>
#include <vector>

#include "analysis/reduction/curvebuilder.h"
#include "analysis/reduction/curvejournal.h"
#include "analysis/reduction/pairsearch.h"

namespace analysis {

// How much the squared error grows when the columns of a mode leave and the other poles stay: c^T [(G^-1)_ii]^-1 c.
struct RemovalCosts {
  struct Cost {
    double increase;
    std::vector<int> rows;  // of the pole set
  };
  std::vector<Cost> groups;  // of two states, cheapest first
  std::vector<Cost> reals;   // single real poles, cheapest first
};
// Empty when the Gram matrix is singular. O(d^3).
RemovalCosts removalCosts(const Target&, const PoleSet&);

class PathExchange {
 public:
  PathExchange(const Target&, const PairSearch&, CurveBuilder&, int maxOrder, CurveJournal&);

  // Up (order d offers to d+1 and d+2) and down (d offers to d-1 and d-2). Models that have hardly changed since they
  // last made an offer do not repeat it. False when no offer was accepted. `progress` is called after every order.
  bool sweep(const Task&, const std::function<void()>& progress);
  // From now on also the less promising removals and changes of kind are offered; every model makes these offers.
  void widen();

 private:
  bool offerUp(int order, const Task&);
  bool offerDown(int order, const Task&);
  // Lets a start contend with the best of that order.
  bool offerStart(int order, const std::function<PoleSet()>& start, const Task&);

  const Target& m_target;
  const PairSearch& m_search;
  CurveBuilder& m_curve;
  CurveJournal& m_journal;
  int m_maxOrder;
  bool m_wide = false;
  std::vector<int> m_offeredUp, m_offeredDown;    // version of the model that made the last offer
  std::vector<double> m_bestOfUp, m_bestOfDown;  // squared error of the one that offered what is most promising
};

}  // namespace analysis
