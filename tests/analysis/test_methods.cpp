// Every method against the measured table of errors, on exactly modal filters, and on filters nobody would train.
#include <QtTest>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "analysis/error.h"
#include "analysis/reduction/methods/method.h"
#include "analysis/reduction/methods/modaltruncation.h"
#include "analysis/reduction/methods/poles.h"
#include "analysis/response/bounds.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;

namespace {

const std::map<std::string, std::vector<std::string>> families = {
    {"H5w10", {"H5w10_c0.1", "H5w10_c0.5", "H5w10_c0.9"}},
    {"H33w14", {"H33w14_c0.1", "H33w14_c0.5", "H33w14_c0.9"}},
    {"HT", {"HT_ch0", "HT_ch3", "HT_ch6"}},
    {"S4D", {"S4D_0", "S4D_1", "S4D_2"}},
    {"EX3%", {"EX3%_0", "EX3%_1", "EX3%_2"}},
    {"NOISE", {"NOISE_0", "NOISE_1", "NOISE_2"}}};

// Relative l2 errors at 1024 taps, geometric mean over three channels, of an independent implementation.
struct Row {
  const char* family;
  int order;
  double prony, hankelNorm, aaa, kung, balanced, vectorFitting, rtf, real, irka, varpro;
};
constexpr double none = 0;
const Row reference[] = {{"H5w10", 8, 0.902, 0.703, 0.687, 0.640, 0.628, 0.588, 0.573, 0.767, 0.552, 0.553},
                         {"H5w10", 16, 0.818, 0.404, 0.421, 0.339, 0.338, 0.332, 0.352, 0.721, 0.301, 0.301},
                         {"H5w10", 32, 0.617, 0.160, 0.218, 0.133, 0.133, 0.142, 0.256, none, 0.114, 0.115},
                         {"H33w14", 8, 0.897, 0.892, 0.814, 0.851, 0.851, 0.861, 0.812, 0.926, 0.791, 0.788},
                         {"HT", 8, 0.559, 0.177, 0.173, 0.160, 0.161, 0.162, 0.168, 0.191, 0.159, 0.159},
                         {"HT", 16, 0.451, 0.166, 0.160, 0.154, 0.154, 0.151, 0.150, 0.179, 0.151, 0.149},
                         {"S4D", 16, 0.331, 0.291, 0.298, 0.251, 0.251, 0.237, 0.231, 0.660, 0.229, 0.222},
                         {"S4D", 32, 0.0716, 0.0654, 0.0842, 0.0506, 0.0506, 0.0457, 0.0450, none, 0.0426, 0.0430},
                         {"EX3%", 16, 0.843, 0.699, 0.657, 0.639, 0.622, 0.630, 0.613, 0.845, 0.552, 0.557},
                         {"NOISE", 16, 0.885, 0.887, 0.841, 0.826, 0.825, 0.838, 0.784, 0.909, 0.802, 0.786}};

// Two pairs and two real poles, well apart: any method of order 6 should find them.
std::vector<double> modalFilter(int length) {
  const std::complex<double> fast = std::polar(0.9, 1.1), slow = std::polar(0.97, 0.4);
  const std::vector<std::complex<double>> poles = {fast, std::conj(fast), slow, std::conj(slow), 0.96, -0.8};
  const std::complex<double> a(1, -0.5), b(0.3, 0.7);
  const std::vector<std::complex<double>> residues = {a, std::conj(a), b, std::conj(b), 0.8, -1.2};
  return StateSpace::fromPoles(0.25, poles, residues).impulseResponse(length);
}

bool closedUnderConjugation(const Poles& poles) {
  for (std::size_t k = 0; k < poles.size(); ++k) {
    if (poles[k].imag() == 0) continue;
    if (poles[k].imag() < 0 || k + 1 == poles.size() || poles[k + 1] != std::conj(poles[k])) return false;
    ++k;
  }
  return true;
}

}  // namespace

class TestPoleMethods : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void catalogue() {
    std::set<std::string_view> names;
    for (const Method& method : methods()) {
      QVERIFY(names.insert(method.name).second);
      QVERIFY(!method.title.empty() && !method.source.empty() && !method.cost.empty());
      QCOMPARE(&methodNamed(method.name), &method);
    }
    try {
      methodNamed("guess");
      QFAIL("an unknown method was accepted");
    } catch (const Error& error) {
      QCOMPARE(error.kind(), ErrorKind::input);
      QVERIFY(std::string(error.what()).find("vector-fitting") != std::string::npos);
    }
  }

  void table_data() {
    QTest::addColumn<QString>("method");
    QTest::addColumn<QString>("family");
    QTest::addColumn<int>("order");
    QTest::addColumn<double>("expected");
    for (const Row& row : reference) {
      const std::pair<const char*, double> cells[] = {{"prony", row.prony},
                                                      {"hankel-norm", row.hankelNorm},
                                                      {"aaa", row.aaa},
                                                      {"kung", row.kung},
                                                      {"balanced-truncation", row.balanced},
                                                      {"vector-fitting", row.vectorFitting},
                                                      {"rtf", row.rtf},
                                                      {"real-poles", row.real},
                                                      {"tf-irka", row.irka},
                                                      {"varpro", row.varpro}};
      for (const auto& [method, expected] : cells)
        if (expected != none)
          QTest::addRow("%s %s %d", method, row.family, row.order) << method << row.family << row.order << expected;
    }
  }

  // A lower error than the reference is no failure: rtf multiplies its factors in a better order and gains up to 12 %,
  // real poles gain up to 5 %, and vector fitting, as Clang compiles it, ends in another fixed point with 4 % less (S4D, 16).
  void table() {
    QFETCH(QString, method);
    QFETCH(QString, family);
    QFETCH(int, order);
    QFETCH(double, expected);
    double logSum = 0;
    for (const auto& name : families.at(family.toStdString())) {
      const auto h = testfilters::make(name, 1024);
      const Fit fit = fitWith(methodNamed(method.toStdString()), h, order);
      QVERIFY(fit.model.order() <= order);
      QVERIFY(fit.model.spectralRadius() < 1);
      QVERIFY(fit.errorRelative >= certificate(h, order).error[order]);
      logSum += std::log(fit.errorRelative);
    }
    const double ratio = std::exp(logSum / 3) / expected;
    const double tolerance = method == "hankel-norm" || method == "aaa" ? 1.05 : 1.02;
    const double least = method == "rtf" || method == "real-poles" ? 0.85 : method == "vector-fitting" ? 0.95 : 1 / tolerance;
    QVERIFY2(ratio <= tolerance && ratio >= least, qPrintable(QString("ratio to the reference %1").arg(ratio)));
  }

  void exactRecovery_data() {
    QTest::addColumn<QString>("method");
    QTest::addColumn<double>("bound");
    // Interpolation and gradients do not aim at the window; the others find the poles themselves.
    const std::map<std::string_view, double> bounds = {{"modal-gradient", 0.5}, {"rtf-gradient", 0.9},
                                                       {"real-poles", 0.9},     {"hankel-norm", 0.02},
                                                       {"aaa", 1e-6},           {"varpro", 1e-6}};
    for (const Method& method : methods()) {
      const auto it = bounds.find(method.name);
      QTest::newRow(method.name.data()) << QString::fromLatin1(method.name.data())
                                        << (it == bounds.end() ? 1e-8 : it->second);
    }
  }
  void exactRecovery() {
    QFETCH(QString, method);
    QFETCH(double, bound);
    const auto h = modalFilter(1000);
    const Fit fit = fitWith(methodNamed(method.toStdString()), h, 6);
    QVERIFY2(fit.errorRelative <= bound, qPrintable(QString::number(fit.errorRelative)));
    QCOMPARE(fit.model.feedthrough, h[0]);
    QCOMPARE(QString::fromStdString(fit.method), method);
  }

  void oddOrders() {
    const auto h = testfilters::make("H5w10_c0.9", 256);
    for (const Method& method : methods()) {
      if (method.slow) continue;
      const Poles poles = method.poles(std::span(h).subspan(1), 7);
      QVERIFY2(poles.size() == 7 || method.name == std::string_view("modal-truncation"), method.name.data());
      QVERIFY2(closedUnderConjugation(poles), method.name.data());
    }
  }

  void modalTruncationKeepsTheStrongest() {
    const auto model = StateSpace::fromPoles(
        0.5, std::vector<std::complex<double>>{std::polar(0.9, 1.0), std::polar(0.9, -1.0), 0.8, 0.5},
        std::vector<std::complex<double>>{{1, 1}, {1, -1}, {3, 0}, {0.1, 0}});
    const auto three = modalTruncation(model, 3, 100);
    QCOMPARE(three.order(), 3);
    QCOMPARE(three.feedthrough, 0.5);
    QCOMPARE(modalTruncation(model, 1, 100).modes.at(0).residue.real(), 3.0);
    QCOMPARE(modalTruncation(model, 0, 100).order(), 0);
    QVERIFY_THROWS_EXCEPTION(Error, modalTruncation(model, -1, 100));
  }

  void stabilisedPoles() {
    const Poles poles = {std::polar(2.0, 1.0), std::polar(2.0, -1.0), 1.25, 1.0, 0.0, -1e-9};
    const Poles stable = stabilised(poles);
    QCOMPARE(stable.size(), poles.size());
    QVERIFY(std::abs(stable[0] - std::polar(0.5, 1.0)) < 1e-15);
    QVERIFY(std::abs(stable[2] - 0.8) < 1e-15);
    for (const auto z : stable) QVERIFY(std::abs(z) < 1 && std::abs(z) >= 0.99 * std::exp(smallestLogRadius));
  }
};

QTEST_GUILESS_MAIN(TestPoleMethods)
#include "test_methods.moc"
