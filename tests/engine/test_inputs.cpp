// Recorded inputs, output energies and residues refitted to them, against direct sums.
#include <QtTest>

#include <cmath>
#include <random>

#include "engine/error.h"
#include "engine/inputs.h"
#include "engine/levels.h"
#include "oracle.h"
#include "sessiontools.h"

namespace {

std::vector<double> noise(std::size_t count, unsigned seed, double memory) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> values(count);
  double last = 0;
  for (double& value : values) value = last = memory * last + normal(random);
  return values;
}

// sum_(t >= k) u_t u_(t-k) / count
std::vector<double> correlate(const std::vector<double>& u, std::size_t lags) {
  std::vector<double> r(lags);
  for (std::size_t k = 0; k < lags; ++k)
    for (std::size_t t = k; t < u.size(); ++t) r[k] += u[t] * u[t - k] / static_cast<double>(u.size());
  return r;
}

// Mean square of e * u over all outputs, by the sum itself.
double energy(const std::vector<double>& e, const std::vector<double>& u) {
  double sum = 0;
  for (std::size_t t = 0; t < u.size() + e.size(); ++t) {
    double y = 0;
    for (std::size_t j = 0; j < e.size(); ++j)
      if (t >= j && t - j < u.size()) y += e[j] * u[t - j];
    sum += y * y;
  }
  return sum / static_cast<double>(u.size());
}

}  // namespace

class TestInputs : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void energyIsThatOfTheConvolution() {
    const auto u = noise(200, 1, 0.8), e = noise(30, 2, 0.5);
    const auto r = correlate(u, 30);
    QVERIFY(std::abs(outputEnergy(e, r) / energy(e, u) - 1) < 1e-12);
    QCOMPARE(outputEnergy({}, r), 0.0);
  }

  // In one layer the inputs follow from the formulas: x_1 v of the first block, computed here in float64.
  void inputsAreThoseOfTheFilters() {
    SyntheticSizes sizes;
    sizes.layers = 1;
    sizes.width = 6;
    Case c = make(sizes);
    EvaluationRequest request;
    request.tokens = randomTokens(3 * 48, sizes.vocabulary, 2);
    const auto statistics = inputStatistics(c.model, request);
    QCOMPARE(statistics.size(), std::size_t{1});
    QCOMPARE(statistics[0].path, c.checkpoint->banks()[0].path);
    QCOMPARE(statistics[0].lags, 48);
    std::vector<std::vector<double>> expected(6, std::vector<double>(48));
    for (int window = 0; window < 3; ++window) {
      const auto u = oracleFilterInputs(
          *c.checkpoint, {request.tokens.begin() + window * 48, request.tokens.begin() + (window + 1) * 48});
      for (std::size_t channel = 0; channel < 6; ++channel) {
        std::vector<double> one;
        for (const auto& row : u) one.push_back(row[channel]);
        const auto r = correlate(one, 48);
        for (std::size_t k = 0; k < 48; ++k) expected[channel][k] += r[k] / 3;
      }
    }
    for (int channel = 0; channel < 6; ++channel)
      for (std::size_t k = 0; k < 48; ++k) {
        const auto& wanted = expected[static_cast<std::size_t>(channel)];
        QVERIFY(std::abs(statistics[0].of(channel)[k] - wanted[k]) < 1e-5 * wanted[0]);
      }
  }

  // Heads: the products of outer products, summed over entries. Lag 0 is |k|^2 |v|^2.
  void headsSumOverTheirEntries() {
    SyntheticSizes sizes;
    sizes.mixer = analysis::MixerKind::multiHyena;
    sizes.heads = 3;
    sizes.width = 15;
    Case c = make(sizes);
    EvaluationRequest request;
    request.tokens = randomTokens(2 * 48, sizes.vocabulary, 2);
    const auto statistics = inputStatistics(c.model, request);
    QCOMPARE(statistics.size(), std::size_t{4});
    for (const InputStatistics& bank : statistics) {
      QCOMPARE(bank.channels, 3);
      for (int head = 0; head < 3; ++head) {
        QVERIFY(bank.of(head)[0] > 0);
        for (const double r : bank.of(head)) QVERIFY(std::abs(r) <= bank.of(head)[0] * (1 + 1e-9));
      }
    }
  }

  void refittingIsLeastSquares() {
    std::mt19937 random(3);
    std::uniform_real_distribution<double> unit(-1, 1);
    analysis::StateSpace truth;
    truth.feedthrough = 0.3;
    truth.modes = {{{-0.02, 0.4}, {0.3, 0.1}, true}, {{-0.1, 1.9}, {-0.2, 0.3}, true}, {{-0.05, 0}, 0.4, false}};
    const auto h = truth.impulseResponse(120);
    const auto u = noise(400, 5, 0.95);
    const auto r = correlate(u, 120);
    // All its poles: the truth again, from any residues.
    analysis::StateSpace wrong = truth;
    for (auto& mode : wrong.modes) mode.residue *= unit(random);
    const auto found = refittedToInputs(h, wrong, r);
    QVERIFY(std::abs(found.feedthrough - 0.3) < 1e-8);
    for (std::size_t k = 0; k < 3; ++k) QVERIFY(std::abs(found.modes[k].residue - truth.modes[k].residue) < 1e-8);
    // Fewer poles: no small change of any coefficient is better.
    analysis::StateSpace fewer = truth;
    fewer.modes.resize(1);
    const auto least = refittedToInputs(h, fewer, r);
    const auto error = [&](const analysis::StateSpace& model) {
      auto e = model.impulseResponse(120);
      for (std::size_t t = 0; t < 120; ++t) e[t] -= h[t];
      return energy(e, u);
    };
    QVERIFY(error(least) < 0.9 * error(fewer));
    for (const double step : {1e-3, -1e-3}) {
      auto other = least;
      other.feedthrough += step;
      QVERIFY(error(other) > error(least));
      other = least;
      other.modes[0].residue += step;
      QVERIFY(error(other) > error(least));
      other = least;
      other.modes[0].residue += std::complex<double>(0, step);
      QVERIFY(error(other) > error(least));
    }
    // White inputs weigh every tap alike: the plain least squares of the filter. Inputs of zero say nothing.
    std::vector<double> white(120);
    white[0] = 1;
    const auto plain = refittedToInputs(h, fewer, white);
    double change = 0;
    for (const double step : {1e-4, -1e-4}) {
      auto other = plain;
      other.modes[0].residue += step;
      double a = 0, b = 0;
      const auto x = plain.impulseResponse(120), y = other.impulseResponse(120);
      for (std::size_t t = 0; t < 120; ++t) a += std::pow(x[t] - h[t], 2), b += std::pow(y[t] - h[t], 2);
      change += b - a;
      QVERIFY(b > a);
    }
    QVERIFY(change > 0);
    QCOMPARE(refittedToInputs(h, fewer, std::vector<double>(120)).modes[0].residue, fewer.modes[0].residue);
  }

  void refittingHelpsTheModel() {
    SyntheticSizes sizes;
    auto checkpoint = std::make_shared<SyntheticCheckpoint>(sizes);
    checkpoint->adopt(randomDistilled(*checkpoint, 4, 1, 0, 5));
    const auto model = Model::load(checkpoint);
    EvaluationRequest request;
    request.tokens = randomTokens(8 * 48 + 1, sizes.vocabulary, 4);
    const std::vector<int> orders{0, 2, 4};
    const auto levels = distilledLevels(*checkpoint, orders);
    QCOMPARE(levels[0].states(), 0LL);
    QCOMPARE(levels[2].states(), 4LL * 40);
    const auto statistics = inputStatistics(model, request);
    for (const auto& level : levels) {
      const auto better = refittedToInputs(*checkpoint, level, statistics);
      QCOMPARE(better.states(), level.states());
      QVERIFY(better.metadata.contains("refit"));
      const double before = evaluate(model->withDistilled(level), request, model).klPerToken;
      const double after = evaluate(model->withDistilled(better), request, model).klPerToken;
      QVERIFY2(after < before, qPrintable(QString("%1 %2").arg(before).arg(after)));
    }
    QVERIFY_THROWS_EXCEPTION(Error, refittedToInputs(*checkpoint, levels[1], std::span(statistics).first(1)));
    QVERIFY_THROWS_EXCEPTION(Error, inputStatistics(model->withDistilled(levels[1]), request));
    QVERIFY_THROWS_EXCEPTION(Error, distilledLevels(*checkpoint, std::vector<int>{2, 2}));
    request.tokens.resize(20);
    QVERIFY_THROWS_EXCEPTION(Error, inputStatistics(model, request));
    QCOMPARE(levelOrders(8), (std::vector<int>{0, 1, 2, 3, 4, 6, 8}));
  }
};

QTEST_GUILESS_MAIN(TestInputs)
#include "test_inputs.moc"
