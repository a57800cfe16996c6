#include <QTest>
#include <cmath>
#include <numbers>

#include "analysis/error.h"
#include "analysis/reduction/statespace.h"

using namespace analysis;
using Complex = std::complex<double>;

namespace {

constexpr double pi = std::numbers::pi;

StateSpace example() {
  StateSpace model;
  model.feedthrough = 0.25;
  model.modes = {{{-0.002, 0.3}, {0.5, -0.7}, true},
                 {{-0.04, 2.1}, {-0.1, 0.2}, true},
                 {{-0.01, 0.0}, {0.3, 0.0}, false},
                 {{-0.2, pi}, {-0.6, 0.0}, false}};
  return model;
}

// The definition, one power at a time.
std::vector<double> direct(const StateSpace& model, int length) {
  std::vector<double> h(static_cast<std::size_t>(length), 0.0);
  h[0] = model.feedthrough;
  const auto poles = model.poles();
  const auto residues = model.residues();
  for (int t = 1; t < length; ++t) {
    Complex sum = 0;
    for (std::size_t k = 0; k < poles.size(); ++k) sum += residues[k] * std::pow(poles[k], t - 1);
    h[static_cast<std::size_t>(t)] = sum.real();
  }
  return h;
}

// The state recurrence x' = lambda x + u, y = R x + f u, fed with an impulse.
std::vector<double> recurrence(const StateSpace& model, int length) {
  const auto poles = model.poles();
  const auto residues = model.residues();
  std::vector<Complex> state(poles.size(), 0.0);
  std::vector<double> h;
  for (int t = 0; t < length; ++t) {
    const double input = t == 0 ? 1.0 : 0.0;
    Complex output = model.feedthrough * input;
    for (std::size_t k = 0; k < poles.size(); ++k) {
      output += residues[k] * state[k];
      state[k] = poles[k] * state[k] + input;
    }
    h.push_back(output.real());
  }
  return h;
}

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = a.size() == b.size() ? 0 : 1e300;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

}  // namespace

class TestStateSpace : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void countsStates() {
    QCOMPARE(example().order(), 6);
    QCOMPARE(example().complexModes(), 4);
    QCOMPARE(StateSpace{}.order(), 0);
  }

  void closedForm() {
    StateSpace model;
    model.feedthrough = 2;
    model.modes = {{{std::log(0.5), 0.0}, 3.0, false}};
    const auto h = model.impulseResponse(12);
    QCOMPARE(h[0], 2.0);
    for (int t = 1; t < 12; ++t) QVERIFY(std::abs(h[static_cast<std::size_t>(t)] - 3 * std::pow(0.5, t - 1)) < 1e-15);
  }

  void synthesisIsDefinitionIsRecurrence_data() {
    QTest::addColumn<int>("length");
    for (const int length : {1, 2, 3, 17, 1024, 4099}) QTest::addRow("%d", length) << length;
  }
  void synthesisIsDefinitionIsRecurrence() {
    QFETCH(int, length);
    const auto h = example().impulseResponse(length);
    QVERIFY(distance(h, direct(example(), length)) < 1e-12);
    QVERIFY(distance(h, recurrence(example(), length)) < 1e-12);
  }
  void emptyWindow() { QVERIFY(example().impulseResponse(0).empty()); }

  void modesAddUp() {
    const auto model = example();
    std::vector<double> sum(300, 0.0);
    sum[0] = model.feedthrough;
    for (int k = 0; k < model.complexModes(); ++k) {
      const auto part = model.modeResponse(k, 300);
      QCOMPARE(part[0], 0.0);
      for (std::size_t t = 0; t < sum.size(); ++t) sum[t] += part[t];
    }
    QVERIFY(distance(sum, model.impulseResponse(300)) < 1e-13);
  }

  void tailNorm() {
    const auto model = example();
    const auto h = model.impulseResponse(20000);
    for (const int from : {0, 1, 2, 50, 1000}) {
      double energy = 0;
      for (std::size_t t = static_cast<std::size_t>(from); t < h.size(); ++t) energy += h[t] * h[t];
      QVERIFY(std::abs(model.tailNorm(from) / std::sqrt(energy) - 1) < 1e-10);
    }
    QCOMPARE(StateSpace{}.tailNorm(5), 0.0);
  }
  // One real pole at distance 1e-9 from the circle: R^2 lambda^2N / (1 - lambda^2).
  void tailNormNearTheCircle() {
    StateSpace model;
    model.modes = {{{-1e-9, 0.0}, 1.0, false}};
    QVERIFY(std::abs(model.tailNorm(1) / std::sqrt(-1 / std::expm1(-2e-9)) - 1) < 1e-13);
  }

  void cancellation() {
    StateSpace model;
    model.modes = {{{-0.1, 0.0}, 10.0, false}, {{-0.11, 0.0}, -9.0, false}};
    double peak = 0;
    for (const double tap : model.impulseResponse(100)) peak = std::max(peak, tap);
    QVERIFY(std::abs(model.cancellation(100) - 19 / peak) < 1e-12);
    QCOMPARE(StateSpace{}.cancellation(100), 1.0);
  }

  void spectralRadius() {
    QVERIFY(std::abs(example().spectralRadius() - std::exp(-0.002)) < 1e-15);
    QCOMPARE(StateSpace{}.spectralRadius(), 0.0);
  }

  void fromPolesAndBack() {
    const auto model = example();
    const auto poles = model.poles();
    const auto residues = model.residues();
    QCOMPARE(poles.size(), std::size_t(6));
    QCOMPARE(poles[1], std::conj(poles[0]));
    QVERIFY(poles[0].imag() > 0);
    // Any order of the set gives the same model.
    std::vector<Complex> p(poles.rbegin(), poles.rend()), r(residues.rbegin(), residues.rend());
    const auto again = StateSpace::fromPoles(model.feedthrough, p, r);
    QCOMPARE(again.order(), 6);
    QVERIFY(again.modes[0].pair && again.modes[1].pair && !again.modes[2].pair);
    QVERIFY(again.modes[0].logPole.real() > again.modes[1].logPole.real());
    QVERIFY(distance(again.impulseResponse(2000), model.impulseResponse(2000)) < 1e-11);
  }
  void repeatedPairsAreMatchedByResidue() {
    const std::vector<Complex> p{{0.5, 0.5}, {0.5, 0.5}, {0.5, -0.5}, {0.5, -0.5}};
    const std::vector<Complex> r{{1, 2}, {3, 4}, {3, -4}, {1, -2}};
    QCOMPARE(StateSpace::fromPoles(0, p, r).order(), 4);
  }
  void aZeroPoleIsADelay() {
    const auto model = StateSpace::fromPoles(1, std::vector<Complex>{0.0}, std::vector<Complex>{5.0});
    QVERIFY(distance(model.impulseResponse(4), {1, 5, 0, 0}) == 0);
    QCOMPARE(model.poles()[0], Complex(0.0));
    QCOMPARE(model.tailNorm(1), 5.0);
  }

  void refusesOpenOrUnstableSets_data() {
    QTest::addColumn<std::vector<Complex>>("poles");
    QTest::addColumn<std::vector<Complex>>("residues");
    using List = std::vector<Complex>;
    const double nan = std::nan("");
    QTest::newRow("lone upper") << List{{0.5, 0.5}} << List{1.0};
    QTest::newRow("lone lower") << List{{0.5, -0.5}} << List{1.0};
    QTest::newRow("residue not conjugate") << List{{0.5, 0.5}, {0.5, -0.5}} << List{{1, 1}, {1, 1}};
    QTest::newRow("on the circle") << List{1.0} << List{1.0};
    QTest::newRow("outside") << List{-1.5} << List{1.0};
    QTest::newRow("NaN pole") << List{nan} << List{1.0};
    QTest::newRow("NaN residue") << List{0.5} << List{nan};
    QTest::newRow("complex residue of a real pole") << List{0.5} << List{{1, 1}};
    QTest::newRow("lengths differ") << List{0.5} << List{};
  }
  void refusesOpenOrUnstableSets() {
    QFETCH(std::vector<Complex>, poles);
    QFETCH(std::vector<Complex>, residues);
    QVERIFY_THROWS_EXCEPTION(Error, StateSpace::fromPoles(0, poles, residues));
  }
};

QTEST_GUILESS_MAIN(TestStateSpace)
#include "test_statespace.moc"
