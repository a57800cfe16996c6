#include <QTest>
#include <functional>

#include "analysis/reduction/plan.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;
using Curves = std::vector<std::vector<double>>;

namespace {

double total(const Curves& curves, const std::vector<int>& orders) {
  double sum = 0;
  for (std::size_t i = 0; i < curves.size(); ++i) sum += curves[i][static_cast<std::size_t>(orders[i])];
  return sum;
}

int states(const std::vector<int>& orders) {
  int sum = 0;
  for (const int order : orders) sum += order;
  return sum;
}

// The smallest sum over every choice of orders.
double best(const Curves& curves, int budget) {
  std::function<double(std::size_t, int)> search = [&](std::size_t i, int left) {
    if (i == curves.size()) return 0.0;
    double smallest = 1e300;
    for (int d = 0; d <= std::min(left, static_cast<int>(curves[i].size()) - 1); ++d)
      smallest = std::min(smallest, curves[i][static_cast<std::size_t>(d)] + search(i + 1, left - d));
    return smallest;
  };
  return search(0, budget);
}

}  // namespace

class TestPlan : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void convexCurvesAreSolvedExactly() {
    testfilters::SplitMix64 random(3);
    for (int trial = 0; trial < 200; ++trial) {
      Curves curves(3);
      for (auto& curve : curves) {
        double error = 1 + random.uniform(), step = random.uniform();
        for (int d = 0; d <= 6; ++d, error -= step * 0.2, step *= random.uniform()) curve.push_back(error);
      }
      for (const int budget : {0, 1, 5, 9, 18, 40}) {
        const auto orders = ordersForBudget(curves, budget);
        QVERIFY(states(orders) <= budget);
        QVERIFY(std::abs(total(curves, orders) - best(curves, budget)) < 1e-12);
      }
    }
  }
  // Any curves: within budget, and no worse than the optimum by more than one hull edge, which is at most the largest
  // single curve.
  void anyCurvesComeClose() {
    testfilters::SplitMix64 random(4);
    double excess = 0, count = 0;
    for (int trial = 0; trial < 200; ++trial) {
      Curves curves(4);
      for (auto& curve : curves) {
        double error = 1;
        for (int d = 0; d <= 6; ++d, error *= random.uniform() < 0.4 ? 0.3 : 0.98) curve.push_back(error);
      }
      for (const int budget : {3, 7, 12, 20}) {
        const auto orders = ordersForBudget(curves, budget);
        QVERIFY(states(orders) <= budget);
        const double gap = total(curves, orders) - best(curves, budget);
        QVERIFY(gap > -1e-12 && gap < 1);
        excess += gap;
        ++count;
      }
    }
    QVERIFY(excess / count < 0.03);
  }
  void stepsAreTakenWhole() {
    // Nothing until order 4: the budget goes where it pays.
    const Curves curves{{1, 1, 1, 1, 0}, {0.5, 0.4, 0.3, 0.2, 0.1}};
    QCOMPARE(ordersForBudget(curves, 4), (std::vector<int>{4, 0}));
    QCOMPARE(ordersForBudget(curves, 3), (std::vector<int>{0, 3}));
    QCOMPARE(ordersForBudget(curves, 6), (std::vector<int>{4, 2}));
  }
  void noStateWithoutGain() {
    const Curves curves{{1, 1, 1}, {0, 0, 0}, {1, 0.5, 0.9}};
    QCOMPARE(ordersForBudget(curves, 100), (std::vector<int>{0, 0, 1}));
    QVERIFY(ordersForBudget({}, 5).empty());
  }
};

QTEST_GUILESS_MAIN(TestPlan)
#include "test_plan.moc"
