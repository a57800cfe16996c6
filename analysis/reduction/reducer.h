// Fits of one filter at any order, and the curve error over order. The default algorithm of the house: cheap spectral
// starts, variable projection on the poles (Golub and Pereyra 1973), the path exchange over all orders.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "analysis/checkpoint/filter.h"
#include "analysis/reduction/fit.h"
#include "analysis/reduction/inputweight.h"
#include "analysis/task.h"

namespace analysis {

// An immutable snapshot: the best model known at each order. A later snapshot is never worse at any order,
// save the final one by at most 0.1 % where modes that cancel each other were told apart.
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

class CurveJournal;

// Work kept for one filter: Lanczos basis, nested state matrix, FFT of the data. Immutable after construction and
// thread-safe. Everything is deterministic: fixed seeds, no dependence on thread count.
// How hard a single order is tried.
enum class Effort {
  quick,     // the spectral starts race a few steps, the best one goes on: 1-5 ms at L = 1024
  standard,  // every spectral start and a greedily grown model to the end; long filters: multi-scale starts
  full       // the path exchange over all orders up to maxOrder(); long filters: swaps from two starts
};

class Reducer {
 public:
  static constexpr int defaultMaxOrder = 64;

  // Runs the Lanczos process: O((2 maxOrder + 10) L log L), about 20 ms at L = 1024.
  // Throws Error(numerical) when taps are not finite, Stopped when the task is.
  // With a weight every fit minimises the weighted error; Fit::errorWeighted holds it, and curves fall in it.
  Reducer(std::shared_ptr<const Filter>, int maxOrder = defaultMaxOrder, const Task& = {},
          const std::optional<InputWeight>& = {});

  const Filter& filter() const { return *m_filter; }
  int maxOrder() const;
  const std::vector<double>& sigma() const;

  // One order. Orders above the numerical rank return the exact model of that rank. Throws Error(input) for an order
  // outside 0..maxOrder().
  Fit fit(int order, const Task& = {}, Effort = Effort::quick) const;
  // All orders from the spectral starts with least-squares residues, no descent: about 30 ms at L = 1024.
  std::shared_ptr<const OrderCurve> spectralCurve(const Task& = {}) const;
  // All orders, as good as the house can: `publish` receives each better snapshot (balanced with least-squares residues
  // first, then variable projection, more starts, the path exchange, finishing touches), the last is returned.
  // `startOrder` is served first; the final curve does not depend on it. Stopped within about 100 ms. With a journal a
  // stopped curve goes on where it was when called again, and ends the same as without the interruption.
  std::shared_ptr<const OrderCurve> curve(
      int startOrder, const Task& = {}, const std::function<void(std::shared_ptr<const OrderCurve>)>& publish = {},
      CurveJournal* = nullptr) const;

 private:
  struct Workspace;
  std::shared_ptr<const Filter> m_filter;
  std::shared_ptr<const Workspace> m_workspace;
};

}  // namespace analysis
