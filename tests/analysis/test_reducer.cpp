#include <QTest>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <thread>

#include "analysis/error.h"
#include "analysis/reduction/curvejournal.h"
#include "analysis/reduction/reducer.h"
#include "analysis/reduction/residues.h"
#include "analysis/response/bounds.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;

namespace {

std::shared_ptr<const Filter> filterOf(std::vector<double> taps) {
  Filter filter;
  filter.name = "0.0";
  filter.taps = std::move(taps);
  return std::make_shared<const Filter>(std::move(filter));
}

double errorOf(const std::vector<double>& taps, const StateSpace& model) {
  const auto h = model.impulseResponse(static_cast<int>(taps.size()));
  double error = 0, norm = 0;
  for (std::size_t t = 0; t < h.size(); ++t) {
    error += (taps[t] - h[t]) * (taps[t] - h[t]);
    norm += taps[t] * taps[t];
  }
  return norm > 0 ? std::sqrt(error / norm) : std::sqrt(error);
}

bool sameModel(const StateSpace& a, const StateSpace& b) {
  if (a.modes.size() != b.modes.size() || a.feedthrough != b.feedthrough) return false;
  for (std::size_t k = 0; k < a.modes.size(); ++k)
    if (a.modes[k].logPole != b.modes[k].logPole || a.modes[k].residue != b.modes[k].residue) return false;
  return true;
}

}  // namespace

class TestReducer : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void fits_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("length");
    for (const auto& name : testfilters::names(1)) QTest::newRow(name.c_str()) << QString::fromStdString(name) << 1024;
    QTest::newRow("MIX") << "MIX" << 1024;
    QTest::newRow("odd length") << "H5w10_c0.9" << 777;
  }
  // Everything a fit must be: honest about its error, stable, closed, not above the certificate's claim, and between
  // the lower bound for every model and the upper bound of its own start.
  void fits() {
    QFETCH(QString, name);
    QFETCH(int, length);
    const auto h = testfilters::make(name.toStdString(), length);
    const Reducer reducer(filterOf(h));
    const auto lower = certificate(h, 64);
    const auto upper = twiceTailSum(hankelSpectrum(h, 64, true), h, 64);
    for (const int order : {0, 1, 2, 3, 4, 8, 13, 16, 32, 64}) {
      const auto fit = reducer.fit(order);
      QVERIFY(fit.model.order() <= order);
      QCOMPARE(fit.model.feedthrough, h[0]);
      QVERIFY(fit.model.spectralRadius() <= 1 - 1e-9);
      QVERIFY(std::abs(fit.errorRelative - errorOf(h, fit.model)) < 1e-12);
      QVERIFY(fit.errorRelative >= lower.error[static_cast<std::size_t>(order)]);
      QVERIFY(fit.errorRelative <= upper[static_cast<std::size_t>(order)] + 1e-9);
      QVERIFY(!fit.method.empty());
    }
  }

  void curveIsMonotoneAndImproves() {
    for (const char* name : {"H5w10_c0.5", "S4D_0", "H3w1_c0.1", "MIX"}) {
      const auto h = testfilters::make(name, 512);
      const Reducer reducer(filterOf(h));
      std::vector<std::shared_ptr<const OrderCurve>> seen;
      const auto last = reducer.curve(12, {}, [&](auto curve) { seen.push_back(curve); });
      QVERIFY(seen.size() >= 2);
      QCOMPARE(seen.front()->stage, std::string("balanced"));
      QVERIFY(!seen.front()->final);
      QVERIFY(last == seen.back() && last->final);
      const auto lower = certificate(h, 64);
      for (std::size_t i = 0; i < seen.size(); ++i) {
        QCOMPARE(seen[i]->maxOrder(), 64);
        QCOMPARE(seen[i]->sigma.size(), reducer.sigma().size());
        for (std::size_t d = 0; d <= 64; ++d) {
          const auto& fit = *seen[i]->fits[d];
          if (d > 0) QVERIFY(fit.errorRelative <= seen[i]->fits[d - 1]->errorRelative);
          if (i > 0)
            QVERIFY(fit.errorRelative <= seen[i - 1]->fits[d]->errorRelative * (last == seen[i] ? 1.001 : 1.0));
          QVERIFY(fit.model.order() <= static_cast<int>(d));
          QVERIFY(fit.errorRelative >= lower.error[d]);
          QVERIFY(std::abs(fit.errorRelative - errorOf(h, fit.model)) < 1e-12);
        }
      }
      QVERIFY(last->fits[16]->errorRelative < seen.front()->fits[16]->errorRelative);
    }
  }

  // Of a long filter the snapshots are quick, so their errors come from closed forms; they must be true all the same.
  void aLongCurveIsCoarseFirst() {
    const auto h = testfilters::make("MIX", 40000);
    std::vector<std::shared_ptr<const OrderCurve>> seen;
    const auto last = Reducer(filterOf(h), 12).curve(8, {}, [&](auto curve) { seen.push_back(curve); });
    QVERIFY(seen.size() >= 3 && last == seen.back());
    QCOMPARE(seen[0]->stage, std::string("balanced"));
    QCOMPARE(seen[1]->stage, std::string("multi-scale"));
    QVERIFY(seen[1]->fits[12]->errorRelative < 0.97 * seen[0]->fits[12]->errorRelative);
    for (std::size_t i = 0; i < seen.size(); ++i) {
      for (std::size_t d = 0; d <= 12; ++d) {
        const auto& fit = *seen[i]->fits[d];
        if (d > 0) QVERIFY(fit.errorRelative <= seen[i]->fits[d - 1]->errorRelative);
        if (i < 2 || i + 1 == seen.size()) {
          const double error = errorOf(h, fit.model);
          QVERIFY(std::abs(fit.errorRelative - error) < (seen[i] == last ? 1e-10 : 1e-3) * error);
        }
      }
    }
    QVERIFY(last->fits[8]->errorRelative < seen[1]->fits[8]->errorRelative);
  }

  void sameAnswerEveryTime() {
    const auto filter = filterOf(testfilters::make("EX3%_0", 600));
    const Reducer first(filter, 24), second(filter, 24);
    QVERIFY(sameModel(first.fit(10).model, second.fit(10).model));
    // The start order changes what is served first, never the result.
    const auto a = first.curve(3), b = second.curve(20);
    for (std::size_t d = 0; d <= 24; ++d) QVERIFY(sameModel(a->fits[d]->model, b->fits[d]->model));
  }

  void exactModelsAreFound() {
    StateSpace model;
    model.feedthrough = -0.5;
    model.modes = {{{-0.03, 0.7}, {0.3, 0.1}, true}, {{-0.05, 1.9}, {-0.2, 0.4}, true}, {{-0.04, 0}, 0.6, false}};
    const auto h = model.impulseResponse(1200);  // decayed to 1e-14: the zero-padded Hankel matrix has rank 5
    const Reducer reducer(filterOf(h));
    QVERIFY(reducer.fit(4).errorRelative > 1e-3);
    const auto exact = reducer.fit(5);
    QVERIFY(exact.errorRelative < 1e-10);
    QVERIFY(std::abs(exact.model.modes[0].logPole - model.modes[0].logPole) < 1e-9);
    QVERIFY(std::abs(exact.model.modes[0].residue - model.modes[0].residue) < 1e-9);
    for (const int order : {6, 20, 64}) QVERIFY(reducer.fit(order).errorRelative < 1e-10);
    QCOMPARE(reducer.curve(5)->orderWithin(1e-9), 5);
  }

  void degenerateFilters_data() {
    QTest::addColumn<std::vector<double>>("taps");
    using Taps = std::vector<double>;
    QTest::newRow("no tap") << Taps{};
    QTest::newRow("one tap") << Taps{2.0};
    QTest::newRow("two taps") << Taps{2.0, -1.0};
    QTest::newRow("three taps") << Taps{2.0, -1.0, 0.5};
    QTest::newRow("zeros") << Taps(100, 0.0);
    QTest::newRow("first tap only") << [] {
      Taps t(50, 0.0);
      t[0] = 3;
      return t;
    }();
    QTest::newRow("delay of one") << [] {
      Taps t(50, 0.0);
      t[1] = 3;
      return t;
    }();
    QTest::newRow("last tap only") << [] {
      Taps t(50, 0.0);
      t[49] = 3;
      return t;
    }();
    QTest::newRow("long zeros") << Taps(8192, 0.0);  // a long filter has starts of its own
    QTest::newRow("long, first tap only") << [] {
      Taps t(8192, 0.0);
      t[0] = 3;
      return t;
    }();
    QTest::newRow("long, last tap only") << [] {
      Taps t(8192, 0.0);
      t[8191] = 3;
      return t;
    }();
    QTest::newRow("constant") << Taps(64, 1.0);
    QTest::newRow("alternating") << [] {
      Taps t;
      for (int n = 0; n < 64; ++n) t.push_back(n % 2 ? -1 : 1);
      return t;
    }();
    QTest::newRow("tiny numbers") << Taps{1e-300, 2e-300, -1e-300, 5e-301, 1e-301};
    QTest::newRow("huge numbers") << Taps{1e300, 2e300, -1e300, 5e299, 1e299};
    QTest::newRow("denormals") << [] {
      Taps t;
      for (int n = 0; n < 40; ++n) t.push_back((n % 5 - 2) * 4.9e-324);
      return t;
    }();
    QTest::newRow("denormals beside numbers") << Taps{1, 0.5, 5e-324, -5e-324, 0.1, 5e-324, 1e-310, 0};
    QTest::newRow("fewer taps than states") << Taps{1, 0.5, -0.25, 0.7};
    QTest::newRow("growing") << [] {
      Taps t;
      for (int n = 0; n < 64; ++n) t.push_back(std::pow(1.2, n));
      return t;
    }();
  }
  void degenerateFilters() {
    QFETCH(std::vector<double>, taps);
    const Reducer reducer(filterOf(taps), 8);
    double previous = std::numeric_limits<double>::infinity();
    const auto curve = reducer.curve(4);
    for (int order = 0; order <= 8; ++order) {
      const auto fit = reducer.fit(order);
      QVERIFY(std::isfinite(fit.errorRelative) && fit.errorRelative <= 1 + 1e-12);
      QVERIFY(fit.model.spectralRadius() <= 1 - 1e-9);
      QVERIFY(fit.model.order() <= std::max(0, static_cast<int>(taps.size()) - 1));
      const double onCurve = curve->fits[static_cast<std::size_t>(order)]->errorRelative;
      QVERIFY(onCurve <= previous);
      previous = onCurve;
    }
  }

  void refusesBadInput() {
    QVERIFY_THROWS_EXCEPTION(Error, Reducer(filterOf({1, std::nan(""), 0})));
    QVERIFY_THROWS_EXCEPTION(Error, Reducer(filterOf({1, 2, 3}), 0));
    QVERIFY_THROWS_EXCEPTION(Error, Reducer(filterOf({1, 2, 3}), 1 << 30));
    const Reducer reducer(filterOf({1, 2, 3}), 4);
    QVERIFY_THROWS_EXCEPTION(Error, reducer.fit(5));
    QVERIFY_THROWS_EXCEPTION(Error, reducer.fit(-1));
  }

  void stops() {
    std::stop_source source;
    const auto filter = filterOf(testfilters::make("MIX", 600));
    const Reducer reducer(filter);
    // Stopped from inside, after the first snapshot: the next step must notice.
    int snapshots = 0;
    QVERIFY_THROWS_EXCEPTION(Stopped, reducer.curve(8, Task(source.get_token()),
                                           [&](auto) {
                                             ++snapshots;
                                             source.request_stop();
                                           }));
    QCOMPARE(snapshots, 1);
    QVERIFY_THROWS_EXCEPTION(Stopped, reducer.fit(8, Task(source.get_token())));
    QVERIFY_THROWS_EXCEPTION(Stopped, Reducer(filter, 64, Task(source.get_token())));
  }

  // No step on a long filter is longer than a small part of the whole, so a stop is heard soon.
  void stopsSoonOnLongFilters() {
    using Clock = std::chrono::steady_clock;
    const auto secondsSince = [](Clock::time_point begun) {
      return std::chrono::duration<double>(Clock::now() - begun).count();
    };
    const auto filter = filterOf(testfilters::make("MIX", 65536));
    const Reducer reducer(filter, 12);
    const Target target(filter->taps);
    PoleSet twins;  // so close that residues need the orthogonal decomposition
    for (int k = 0; k < 32; ++k) twins.addPair({-1e-3, 0.01 + 1e-9 * k});
    const std::pair<const char*, std::function<void(const Task&)>> works[] = {
        {"curve", [&](const Task& task) { reducer.curve(8, task); }},
        {"residues", [&](const Task& task) { fitResidues(target, twins, task); }}};
    for (const auto& [name, work] : works) {
      const auto begun = Clock::now();
      work({});
      const double whole = secondsSince(begun);
      for (const double share : {0.05, 0.15, 0.3}) {  // early: the work may run faster than when it was timed
        std::stop_source source;
        Clock::time_point asked;
        const std::jthread impatient([&] {
          std::this_thread::sleep_for(std::chrono::duration<double>(share * whole));
          asked = Clock::now();
          source.request_stop();
        });
        QVERIFY_THROWS_EXCEPTION(Stopped, work(Task(source.get_token())));
        QVERIFY2(secondsSince(asked) < 0.25 * whole, name);
      }
    }
  }

  // Interrupted wherever it may be, taken up again, interrupted again: bit for bit the uninterrupted curve.
  void stoppedCurvesGoOn_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"EX3%_0", "S4D_0", "HT_ch0"}) QTest::newRow(name) << QString(name);
  }
  void stoppedCurvesGoOn() {
    QFETCH(QString, name);
    const auto filter = filterOf(testfilters::make(name.toStdString(), 300));
    const Reducer reducer(filter, 12);
    const auto whole = reducer.curve(5);
    for (const int patience : {1, 7}) {  // milliseconds; the first interruption comes with the first snapshot
      CurveJournal journal;
      std::shared_ptr<const OrderCurve> resumed;
      int breaks = 0;
      std::size_t before = 0;
      while (!resumed) {
        std::stop_source source;
        const auto impatience = [&](const auto&) {
          if (breaks == 0) source.request_stop();
        };
        const std::jthread impatient([&source, wait = patience * breaks] {
          if (wait == 0) return;
          std::this_thread::sleep_for(std::chrono::milliseconds(wait));
          source.request_stop();
        });
        try {
          resumed = reducer.curve(breaks == 0 ? 5 : 9, Task(source.get_token()), impatience, &journal);
        } catch (const Stopped&) {
          QVERIFY(journal.size() >= before);  // nothing is lost
          before = journal.size();
          ++breaks;
        }
        QVERIFY(breaks < 1000);
      }
      QVERIFY(breaks > 0);
      for (std::size_t d = 0; d <= 12; ++d) {
        QVERIFY(sameModel(resumed->fits[d]->model, whole->fits[d]->model));
        QCOMPARE(resumed->fits[d]->errorRelative, whole->fits[d]->errorRelative);
      }
    }
  }

  void readingTheCurve() {
    OrderCurve curve;
    for (const double error : {1.0, 0.9, 0.5, 0.49, 0.1, 0.1, 0.099, 0.05, 0.01}) {
      Fit fit;
      fit.errorRelative = error;
      curve.fits.push_back(std::make_shared<const Fit>(fit));
    }
    QCOMPARE(curve.orderWithin(0.5), 2);
    QCOMPARE(curve.orderWithin(2.0), 0);
    QCOMPARE(curve.orderWithin(0.001), -1);
    QCOMPARE(curve.suggestedOrders(2), (std::vector<int>{4, 8}));
    QCOMPARE(curve.suggestedOrders(0), std::vector<int>{});
    QCOMPARE(curve.suggestedOrders(3), (std::vector<int>{2, 4, 8}));
    OrderCurve flat;
    flat.fits.assign(9, curve.fits[0]);
    QVERIFY(flat.suggestedOrders().empty());
  }

  void qualityOfAFit() {
    const auto h = testfilters::make("H5w10_c0.5", 400);
    const auto fit = Reducer(filterOf(h)).fit(12);
    const auto q = quality(h, fit.model);
    QVERIFY(std::abs(q.errorRelative - fit.errorRelative) < 1e-12);
    QVERIFY(std::abs(q.errorTailRelative * std::sqrt(1 - h[0] * h[0]) - q.errorRelative) < 1e-12);
    const auto model = fit.model.impulseResponse(400);
    double worst = 0, peak = 0;
    for (std::size_t t = 0; t < 400; ++t) {
      worst = std::max(worst, std::abs(h[t] - model[t]));
      peak = std::max(peak, std::abs(h[t]));
    }
    QVERIFY(std::abs(q.errorMaxRelative - worst / peak) < 1e-12);
    const auto lag = static_cast<std::size_t>(q.worstLagSamples);
    QVERIFY(std::abs(std::abs(h[lag] - model[lag]) - worst) < 1e-15);
    // The largest error over frequency, found again by direct sums around the reported place.
    const auto response = [&](double w, bool error) {
      std::complex<double> sum = 0;
      for (std::size_t t = 0; t < 400; ++t)
        sum += std::polar(error ? h[t] - model[t] : h[t], -w * static_cast<double>(t));
      return std::abs(sum);
    };
    double largest = 0;
    for (int k = 0; k <= 2000; ++k) largest = std::max(largest, response(3.14159265358979 * k / 2000, false));
    QVERIFY(std::abs(response(q.worstFrequency, true) / largest / q.errorHinfRelative - 1) < 1e-3);
    QVERIFY(std::abs(q.beyondWindowRelative - fit.model.tailNorm(400)) < 1e-12);
    QCOMPARE(q.spectralRadius, fit.model.spectralRadius());
    QVERIFY(q.cancellation >= 1);
    const auto zero = quality(std::vector<double>(5, 0.0), StateSpace{});
    QCOMPARE(zero.errorRelative, 0.0);
    QCOMPARE(zero.errorHinfRelative, 0.0);
  }
};

QTEST_GUILESS_MAIN(TestReducer)
#include "test_reducer.moc"
