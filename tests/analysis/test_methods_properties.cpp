// What must hold for every method on any filter: a stable, closed, finite result that the certificate allows, or one
// sentence that says why there is none.
#include <QtTest>
#include <cmath>
#include <limits>

#include "analysis/error.h"
#include "analysis/reduction/methods/method.h"
#include "analysis/response/bounds.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;

namespace {

using Taps = std::vector<double>;

Taps generated(int length, const std::function<double(int)>& tap) {
  Taps h(length);
  for (int n = 0; n < length; ++n) h[n] = tap(n);
  return h;
}

std::vector<std::pair<QString, Taps>> oddFilters() {
  testfilters::SplitMix64 random(11);
  std::vector<std::pair<QString, Taps>> out = {
      {"no taps", {}},
      {"one tap", {1.5}},
      {"two taps", {1, -2}},
      {"three taps", {0, 1, 1}},
      {"four taps", {1, 2, 3, 5}},
      {"all zero", Taps(200, 0.0)},
      {"impulse at 0", generated(100, [](int n) { return n == 0 ? 1 : 0; })},
      {"impulse at 1", generated(100, [](int n) { return n == 1 ? 1 : 0; })},
      {"impulse in the middle", generated(100, [](int n) { return n == 50 ? 1 : 0; })},
      {"impulse at the end", generated(100, [](int n) { return n == 99 ? -1 : 0; })},
      {"constant", Taps(150, 0.7)},
      {"alternating", generated(150, [](int n) { return n % 2 ? -1 : 1; })},
      {"ramp", generated(150, [](int n) { return n; })},
      {"growing", generated(200, [](int n) { return std::pow(1.05, n); })},
      {"growing and turning", generated(200, [](int n) { return std::pow(1.02, n) * std::cos(0.3 * n); })},
      {"huge", generated(120, [](int n) { return 1e300 * std::cos(0.2 * n) * std::exp(-0.05 * n); })},
      {"tiny", generated(120, [](int n) { return 1e-300 * std::cos(0.2 * n) * std::exp(-0.05 * n); })},
      {"denormal", generated(120, [](int n) { return 5e-324 * std::round(10 * std::cos(0.2 * n)); })},
      {"sixty decades", generated(300, [](int n) { return std::pow(10.0, -0.2 * n); })},
      {"undamped", generated(256, [](int n) { return std::cos(0.1 * n) + std::cos(0.1001 * n); })},
      {"double pole", generated(256, [](int n) { return n * std::pow(0.9, n); })}};
  for (const int length : {5, 9, 17, 40, 130})
    out.emplace_back(QString("noise %1").arg(length), random.normals(length));
  return out;
}

void check(const Method& method, const Taps& h, int order) {
  const auto where = [&](const char* what) {
    return QString("%1, order %2: %3").arg(method.name.data()).arg(order).arg(what);
  };
  try {
    const Fit fit = fitWith(method, h, order);
    const auto response = fit.model.impulseResponse(static_cast<int>(h.size()));
    QVERIFY2(std::all_of(response.begin(), response.end(), [](double x) { return std::isfinite(x); }),
             qPrintable(where("the response is not finite")));
    QVERIFY2(fit.model.order() <= order, qPrintable(where("more states than asked for")));
    QVERIFY2(fit.model.spectralRadius() < 1, qPrintable(where("unstable")));
    QVERIFY2(fit.errorRelative >= 0 && fit.errorRelative <= 1 + 1e-9, qPrintable(where("worse than no model")));
    if (h.size() > 1) {
      const auto bound = certificate(h, order);
      QVERIFY2(fit.errorRelative >= bound.error.at(order) * (1 - 1e-6) - bound.floor,
               qPrintable(where("below the certificate") +
                          QString(" %1 < %2").arg(fit.errorRelative).arg(bound.error[order])));
    }
  } catch (const Error& error) {
    QCOMPARE(error.kind(), ErrorKind::numerical);
    QVERIFY2(QString(error.what()).endsWith('.') && !QString(error.what()).contains('\n'), error.what());
  }
}

}  // namespace

class TestMethodProperties : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void anyFilter_data() {
    QTest::addColumn<QString>("method");
    for (const Method& method : methods()) QTest::newRow(method.name.data()) << QString(method.name.data());
  }
  void anyFilter() {
    QFETCH(QString, method);
    const Method& chosen = methodNamed(method.toStdString());
    const bool gradient = method.endsWith("gradient");
    for (const auto& [name, taps] : oddFilters())
      for (const int order : gradient ? std::vector{3} : std::vector{0, 1, 2, 3, 6, 15, 64}) {
        check(chosen, taps, order);
        if (QTest::currentTestFailed()) QFAIL(qPrintable("filter: " + name));
      }
  }

  // 1000 small random filters: decaying noise, sums of modes, outliers, steps.
  void randomFilters() {
    testfilters::SplitMix64 random(3);
    int calls = 0;
    for (int trial = 0; trial < 60; ++trial) {
      const int length = 2 + static_cast<int>(random.uniform() * 120);
      const double decay = std::pow(10.0, -3 + 3 * random.uniform()),
                   scale = std::pow(10.0, 40 * random.uniform() - 20);
      auto h = random.normals(length);
      for (int n = 0; n < length; ++n) h[n] *= scale * std::exp(-decay * n) * (random.uniform() < 0.02 ? 1e6 : 1);
      const int order = 1 + static_cast<int>(random.uniform() * 20);
      for (const Method& method : methods()) {
        if (QString(method.name.data()).endsWith("gradient")) continue;
        check(method, h, order);
        if (QTest::currentTestFailed()) QFAIL(qPrintable(QString("trial %1, %2 taps").arg(trial).arg(length)));
        ++calls;
      }
    }
    QVERIFY(calls > 700);
  }

  void notFinite() {
    for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
      Taps h = testfilters::make("S4D_0", 128);
      h[77] = bad;
      for (const Method& method : methods()) QVERIFY_THROWS_EXCEPTION(Error, fitWith(method, h, 4));
    }
    for (const Method& method : methods()) QVERIFY_THROWS_EXCEPTION(Error, method.poles(Taps(10, 1.0), -1));
  }

  void sameAnswerTwiceAndAtAnyScale() {
    const auto h = testfilters::make("HT_ch3", 200);
    Taps larger = h;
    for (double& x : larger) x = std::ldexp(x, 37);
    for (const Method& method : methods()) {
      if (QString(method.name.data()).endsWith("gradient")) continue;
      const Poles once = method.poles(std::span(h).subspan(1), 6);
      QVERIFY2(once == method.poles(std::span(h).subspan(1), 6), method.name.data());
      QVERIFY2(once == method.poles(std::span(larger).subspan(1), 6), method.name.data());
    }
  }

  void stopsWhenAsked() {
    const auto h = testfilters::make("H5w10_c0.5", 512);
    for (const Method& method : methods()) {
      std::stop_source source;
      source.request_stop();
      const Task stopped(source.get_token());
      QVERIFY_THROWS_EXCEPTION(Stopped, fitWith(method, h, 8, stopped));
    }
  }

  void slowMethodsReportAndStop() {
    const auto h = testfilters::make("H5w10_c0.5", 256);
    for (const Method& method : methods()) {
      if (!method.slow) continue;
      double last = 0;
      int reports = 0;
      const Task task({}, [&](double fraction, std::string_view) {
        QVERIFY(fraction >= last && fraction <= 1);
        last = fraction;
        ++reports;
      });
      fitWith(method, h, 4, task);
      QVERIFY2(reports > 3 && last > 0.7, method.name.data());

      std::stop_source source;  // from inside, half way
      const Task interrupted(source.get_token(), [&](double fraction, std::string_view) {
        if (fraction > 0.3) source.request_stop();
      });
      QVERIFY_THROWS_EXCEPTION(Stopped, fitWith(method, h, 4, interrupted));
    }
  }
};

QTEST_GUILESS_MAIN(TestMethodProperties)
#include "test_methods_properties.moc"
