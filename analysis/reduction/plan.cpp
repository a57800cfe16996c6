#include "analysis/reduction/plan.h"

#include <algorithm>

namespace analysis {

namespace {

// One edge of a lower convex hull.
struct Edge {
  double gainPerState;
  std::size_t curve;
  int to;
};

std::vector<double> nonIncreasing(std::vector<double> curve) {
  for (std::size_t d = 1; d < curve.size(); ++d) curve[d] = std::min(curve[d], curve[d - 1]);
  return curve;
}

double slope(const std::vector<double>& curve, int from, int to) {
  return (curve[static_cast<std::size_t>(from)] - curve[static_cast<std::size_t>(to)]) / (to - from);
}

}  // namespace

std::vector<int> ordersForBudget(std::span<const std::vector<double>> curves, long long states) {
  std::vector<std::vector<double>> errors;
  std::vector<Edge> edges;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const auto& curve = errors.emplace_back(nonIncreasing(curves[i]));
    for (int from = 0, last = static_cast<int>(curve.size()) - 1; from < last;) {
      int to = from + 1;
      for (int d = from + 2; d <= last; ++d)
        if (slope(curve, from, d) > slope(curve, from, to)) to = d;
      if (slope(curve, from, to) <= 0) break;
      edges.push_back({slope(curve, from, to), i, to});
      from = to;
    }
  }
  // Steepest first; the edges of one curve are already in falling order.
  std::stable_sort(edges.begin(), edges.end(),
                   [](const Edge& a, const Edge& b) { return a.gainPerState > b.gainPerState; });
  std::vector<int> orders(curves.size(), 0);
  std::vector<bool> closed(curves.size(), false);
  for (const Edge& edge : edges) {
    int& order = orders[edge.curve];
    if (closed[edge.curve]) continue;
    if (edge.to - order <= states) {
      states -= edge.to - order;
      order = edge.to;
    } else {
      closed[edge.curve] = true;  // its later edges start from where this one ends
    }
  }
  // What is left goes, best gain first, to orders inside the edges that did not fit.
  while (states > 0) {
    double best = 0;
    std::size_t winner = 0;
    int target = 0;
    for (std::size_t i = 0; i < errors.size(); ++i) {
      const long long last = std::min<long long>(static_cast<long long>(errors[i].size()) - 1, orders[i] + states);
      for (int d = orders[i] + 1; d <= last; ++d) {
        const double gain = errors[i][static_cast<std::size_t>(orders[i])] - errors[i][static_cast<std::size_t>(d)];
        if (gain > best) {
          best = gain;
          winner = i;
          target = d;
        }
      }
    }
    if (best <= 0) break;
    states -= target - orders[winner];
    orders[winner] = target;
  }
  return orders;
}

}  // namespace analysis
