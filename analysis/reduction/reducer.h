// Fits of one filter at any order, and the curve error over order. The default algorithm of the house: cheap spectral
// starts, variable projection on the poles (Golub and Pereyra 1973), the path exchange over all orders.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "analysis/checkpoint/filter.h"
#include "analysis/reduction/fit.h"
#include "analysis/task.h"

namespace analysis {

// An immutable snapshot: the best model known at each order. A later snapshot is never worse at any order.
struct OrderCurve {
  std::vector<std::shared_ptr<const Fit>> fits;  // index = order, 0..maxOrder; 0 is the feedthrough alone; never null
  std::vector<double> sigma;                     // leading Hankel singular values as the fits saw them (Lanczos)
  std::string stage;                             // for people: "balanced", "variable projection", "final"
  bool final = false;

  int maxOrder() const { return static_cast<int>(fits.size()) - 1; }
  // Smallest order whose error is at most `tolerance`; -1 if none.
  int orderWithin(double tolerance) const;
  // Orders worth a tick: the largest drops log(err(d-2)/err(d)) of the curve, at most `count`, ascending.
  std::vector<int> suggestedOrders(int count = 3) const;
};

// Work kept for one filter: Lanczos basis, nested state matrix, FFT of the data. Immutable after construction and
// thread-safe. Everything is deterministic: fixed seeds, no dependence on thread count.
class Reducer {
 public:
  static constexpr int defaultMaxOrder = 64;

  // Runs the Lanczos process: O((2 maxOrder + 10) L log L), about 20 ms at L = 1024.
  // Throws Error(numerical) when taps are not finite, Stopped when the task is.
  Reducer(std::shared_ptr<const Filter>, int maxOrder = defaultMaxOrder, const Task& = {});

  const Filter& filter() const { return *m_filter; }
  int maxOrder() const;
  const std::vector<double>& sigma() const;

  // One order: balanced start, least-squares residues, variable projection. 1-5 ms at L = 1024.
  // Orders above the numerical rank return the exact model of that rank.
  Fit fit(int order, const Task& = {}) const;
  // All orders from the balanced start with least-squares residues, no descent: 10-20 ms at L = 1024.
  std::shared_ptr<const OrderCurve> balancedCurve(const Task& = {}) const;
  // All orders; `publish` receives each better snapshot (balanced + least squares first, 50-70 ms at L = 1024,
  // then variable projection at every order, then the path exchange), the last is returned.
  // `startOrder` is served first.
  std::shared_ptr<const OrderCurve> curve(
      int startOrder, const Task& = {},
      const std::function<void(std::shared_ptr<const OrderCurve>)>& publish = {}) const;

 private:
  struct Workspace;
  std::shared_ptr<const Filter> m_filter;
  std::shared_ptr<const Workspace> m_workspace;
};

}  // namespace analysis
