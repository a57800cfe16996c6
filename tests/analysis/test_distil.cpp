#include <QTemporaryDir>
#include <QTest>
#include <cmath>
#include <nlohmann/json.hpp>

#include "analysis/error.h"
#include "analysis/reduction/distilled.h"
#include "analysis/reduction/recurrence.h"
#include "analysis/reduction/sharing.h"
#include "tests/analysis/distilledhelpers.h"

using namespace analysis;
using distilledhelpers::same;
using distilledhelpers::sample;

class TestDistil : public QObject {
  Q_OBJECT

  QTemporaryDir folder;
  std::filesystem::path at(const QString& name) const { return folder.filePath(name).toStdString(); }

 private Q_SLOTS:
  void distilsByOrder() {
    DistilRequest request;
    request.order = 6;
    request.filters = sample()->parseFilters("0.0-7,2.5");
    request.threads = 2;
    double last = 0;
    int reports = 0;
    const auto distilled = distil(*sample(), request, Task({}, [&](double fraction, std::string_view) {
      QVERIFY(fraction >= last && fraction <= 1);
      last = fraction;
      ++reports;
    }));
    QCOMPARE(reports, 9);
    QCOMPARE(last, 1.0);
    QCOMPARE(distilled.banks.size(), sample()->banks().size());
    QCOMPARE(distilled.states(), 9LL * 6);
    for (const FilterId id : request.filters) {
      const auto& bank = distilled.banks[static_cast<std::size_t>(id.bank)];
      QCOMPARE(bank.path, sample()->banks()[static_cast<std::size_t>(id.bank)].path);
      const auto& filter = bank.filters[static_cast<std::size_t>(id.channel)];
      const auto original = sample()->filter(id);
      QCOMPARE(filter->skip, original->skip);
      QVERIFY(filter->errorRelative >= filter->certificate && filter->certificate > 0);
      QVERIFY(std::abs(quality(original->taps, filter->model).errorRelative - filter->errorRelative) < 1e-12);
    }
    QVERIFY(!checkMatches(distilled, *sample()));
    // The thread count changes nothing, and neither does a way through a file.
    request.threads = 1;
    QVERIFY(same(distil(*sample(), request), distilled));
    writeDistilled(distilled, at("sample.safetensors"));
    const auto read = readDistilled(at("sample.safetensors"));
    QVERIFY(same(read, distilled));
    QVERIFY(!checkMatches(read, *sample()));
  }

  // Its slow trend once came out as three poles at 1 whose residues of 1e9 cancelled: float32 was off by 115 times.
  void slowTrendsDoNotCancel() {
    DistilRequest request;
    request.order = 64;
    request.filters = sample()->parseFilters("3.0");
    for (const Effort effort : {Effort::quick, Effort::standard}) {
      request.effort = effort;
      const auto distilled = distil(*sample(), request);
      const auto& filter = *distilled.banks[3].filters[0];
      QVERIFY(filter.model.cancellation(1024) < 100);
      QVERIFY(float32RecurrenceError(filter.model) < 1e-4);
      QVERIFY(filter.errorRelative < (effort == Effort::quick ? 0.0373 : 0.0339));  // the cancelling modes: 0.0338
      QVERIFY(filter.errorRelative > filter.certificate);
    }
  }

  void distilsByOrdersAndTolerance() {
    DistilRequest orders;
    orders.filters = sample()->parseFilters("1.0-2");
    orders.orders = {2, 4, 7};
    const auto byOrders = distil(*sample(), orders);
    const auto& bank = byOrders.banks[static_cast<std::size_t>(orders.filters[0].bank)];
    for (std::size_t c = 0; c < 3; ++c) QCOMPARE(bank.filters[c]->model.order(), orders.orders[c]);

    DistilRequest tolerance;
    tolerance.filters = orders.filters;
    tolerance.tolerance = 0.12;
    const auto within = distil(*sample(), tolerance);
    tolerance.tolerance = 1e-9;
    tolerance.maxOrder = 5;
    const auto capped = distil(*sample(), tolerance);
    for (std::size_t c = 0; c < 3; ++c) {
      const auto& filter = *within.banks[static_cast<std::size_t>(orders.filters[0].bank)].filters[c];
      QVERIFY(filter.errorRelative <= 0.12);
      // One state less is not enough for a single fit of that order.
      DistilRequest less;
      less.filters = {orders.filters[c]};
      less.order = std::max(1, filter.model.order() - 1);
      const auto smaller = distil(*sample(), less);
      const auto& one = *smaller.banks[static_cast<std::size_t>(orders.filters[c].bank)].filters[c];
      QVERIFY(filter.model.order() <= 1 || one.errorRelative > 0.12);
      QCOMPARE(capped.banks[static_cast<std::size_t>(orders.filters[0].bank)].filters[c]->model.order(), 5);
    }
  }

  void keepsWithinABudget() {
    DistilRequest request;
    request.filters = sample()->parseFilters("0.0-5");
    request.effort = Effort::quick;
    request.maxOrder = 24;
    const auto energyLost = [&](const Distilled& distilled) {
      double sum = 0;
      for (const FilterId id : request.filters) {
        const auto original = sample()->filter(id);
        double energy = 0;
        for (const double tap : original->taps) energy += tap * tap;
        const auto& filter =
            *distilled.banks[static_cast<std::size_t>(id.bank)].filters[static_cast<std::size_t>(id.channel)];
        sum += energy * filter.errorRelative * filter.errorRelative;
      }
      return sum;
    };
    request.budget = 48;
    const auto planned = distil(*sample(), request);
    QVERIFY(planned.states() <= 48 && planned.states() >= 46);
    request.budget.reset();
    request.order = 8;  // the same total, spread evenly
    QVERIFY(energyLost(planned) < energyLost(distil(*sample(), request)));
  }

  void moreEffortIsNeverWorse() {
    DistilRequest request;
    request.order = 8;
    request.filters = sample()->parseFilters("2.5");
    double previous = 1;
    for (const Effort effort : {Effort::quick, Effort::standard, Effort::full}) {
      request.effort = effort;
      const auto distilled = distil(*sample(), request);
      const double error = distilled.banks[static_cast<std::size_t>(request.filters[0].bank)].filters[5]->errorRelative;
      QVERIFY(error <= previous * 1.001);
      previous = error;
      QVERIFY(distilled.metadata.at("float32_recurrence").find("2.5") != std::string::npos);
    }
  }

  // Stopped after a few filters, resumed from what was kept: the same result as without a break, and nothing fitted
  // twice.
  void resumes() {
    DistilRequest request;
    request.order = 4;
    request.filters = sample()->parseFilters("1.0-9");
    request.threads = 1;
    const auto whole = distil(*sample(), request);

    auto partial = std::make_shared<Distilled>(whole);
    for (auto& bank : partial->banks)
      for (auto& filter : bank.filters) filter.reset();
    partial->metadata = distilMetadata(*sample(), request);
    std::stop_source source;
    int kept = 0;
    request.fitted = [&](FilterId id, const DistilledFilter& filter) {
      partial->banks[static_cast<std::size_t>(id.bank)].filters[static_cast<std::size_t>(id.channel)] = filter;
      if (++kept == 4) source.request_stop();
    };
    QVERIFY_THROWS_EXCEPTION(Stopped, distil(*sample(), request, Task(source.get_token())));
    QCOMPARE(kept, 4);
    request.resume = partial;
    int again = 0;
    request.fitted = [&](FilterId, const DistilledFilter&) { ++again; };
    const auto resumed = distil(*sample(), request);
    QCOMPARE(again, 6);
    QVERIFY(same(resumed, whole));
    request.order = 5;
    QVERIFY_THROWS_EXCEPTION(Error, distil(*sample(), request));
  }

  // A stopped run leaves what it finished; what is kept of another request is refused.
  void keepsWhatIsFinished() {
    DistilRequest request;
    request.orders = {3, 4, 5, 6, 7};
    request.filters = sample()->parseFilters("2.0-4");
    request.threads = 1;
    const auto whole = distil(*sample(), request);
    Distilled kept;
    std::stop_source source;
    int fitted = 0;
    request.fitted = [&](FilterId, const DistilledFilter&) {
      if (++fitted == 2) source.request_stop();
    };
    QVERIFY_THROWS_EXCEPTION(Stopped, distilKeeping(*sample(), request, kept, Task(source.get_token())));
    QCOMPARE(kept.states(), 7LL);
    QVERIFY(same(distilKeeping(*sample(), request, kept), whole));
    QCOMPARE(fitted, 5);
    QVERIFY(same(distilKeeping(*sample(), request, kept), whole));
    QCOMPARE(fitted, 5);
    request.orders.back() = 9;
    QVERIFY_THROWS_EXCEPTION(Error, distilKeeping(*sample(), request, kept));
  }

  // A set of poles takes the largest order of its filters.
  void sharesPolesAtTheLargestOrder() {
    DistilRequest request;
    request.filters = sample()->parseFilters("0.0-3");
    request.orders = {2, 5, 3, 3};
    request.filtersPerPoleSet = 2;
    request.effort = Effort::quick;
    const auto distilled = distil(*sample(), request);
    const auto& filters = distilled.banks[static_cast<std::size_t>(request.filters[0].bank)].filters;
    QCOMPARE(filters[0]->model.order(), 5);
    QCOMPARE(filters[1]->model.order(), 5);
    QCOMPARE(filters[2]->model.order(), 3);
    const auto sharing = sharingOf(distilled);
    QVERIFY(sharing && sharing->sentence().starts_with("2 sets of poles"));
    QCOMPARE(sharing->storedNumbers, (5 + 2 * 6) + (3 + 2 * 4LL));
    QCOMPARE(sharing->storedNumbersSeparate, 5 + 11 + 7 + 7LL);
    request.filtersPerPoleSet = 0;
    const auto separate = distil(*sample(), request);
    const auto& own = separate.banks[static_cast<std::size_t>(request.filters[0].bank)].filters;
    QVERIFY(filters[0]->errorRelative < own[0]->errorRelative);  // it has more states than it was given
    QVERIFY(!sharingOf(separate));
  }

  // Common poles: the same bits in each filter of a set, through both formats; what they cost and save is told.
  void sharesPoles() {
    DistilRequest request;
    request.order = 6;
    request.effort = Effort::quick;
    request.filters = sample()->parseFilters("0.0-5,3.2-3");
    request.filtersPerPoleSet = 3;
    request.threads = 2;
    const auto distilled = distil(*sample(), request);
    const auto& bank = distilled.banks[static_cast<std::size_t>(request.filters[0].bank)];
    for (std::size_t c = 0; c < 6; ++c) {
      const auto& filter = *bank.filters[c];
      QCOMPARE(filter.poleSet, static_cast<int>(c / 3));
      const auto& first = *bank.filters[c / 3 * 3];
      QCOMPARE(filter.model.modes.size(), first.model.modes.size());
      for (std::size_t k = 0; k < filter.model.modes.size(); ++k)
        QCOMPARE(filter.model.modes[k].logPole, first.model.modes[k].logPole);
      const auto original = sample()->filter({request.filters[0].bank, static_cast<int>(c)});
      QVERIFY(std::abs(quality(original->taps, filter.model).errorRelative - filter.errorRelative) < 1e-12);
      QVERIFY(filter.errorRelative >= filter.certificate);
    }
    QVERIFY(bank.filters[0]->model.modes[0].logPole != bank.filters[3]->model.modes[0].logPole);
    const auto sharing = nlohmann::json::parse(distilled.metadata.at("sharing"));
    QCOMPARE(sharing["pole_sets"].get<int>(), 4);  // two in layer 0; 2 and 3 of layer 3 belong to different sets
    QVERIFY(sharing["error_ratio"].get<double>() > 0.99 && sharing["largest_error_ratio"].get<double>() < 3);
    QCOMPARE(sharing["stored_numbers_separate"].get<int>(), 8 * 13);
    QCOMPARE(sharing["stored_numbers"].get<int>(), 4 * 6 + 8 * 7);
    for (const char* name : {"shared.safetensors", "shared.h5"}) {
      writeDistilled(distilled, at(name));
      QVERIFY(same(readDistilled(at(name)), distilled));
    }
    // The thread count changes nothing; taken over as a whole, the models and what is told of them stay.
    request.threads = 1;
    request.resume = std::make_shared<const Distilled>(distilled);
    const auto again = distil(*sample(), request);
    QVERIFY(same(again, distilled));
    QCOMPARE(again.metadata, distilled.metadata);
    // A file that claims a set it does not have is refused.
    auto lying = distilled;
    lying.banks[static_cast<std::size_t>(request.filters[0].bank)].filters[3]->poleSet = 0;
    writeDistilled(lying, at("lying.safetensors"));
    QVERIFY_THROWS_EXCEPTION(Error, readDistilled(at("lying.safetensors")));
  }

  void takesOtherMethods() {
    DistilRequest request;
    request.filters = sample()->parseFilters("1.0-1");
    request.order = 6;
    const auto own = distil(*sample(), request);
    for (const char* method : {"kung", "balanced-truncation", "vector-fitting"}) {
      request.method = method;
      const auto other = distil(*sample(), request);
      QCOMPARE(other.metadata.at("method"), std::string(method));
      for (std::size_t c = 0; c < 2; ++c) {
        const auto& filter = *other.banks[static_cast<std::size_t>(request.filters[0].bank)].filters[c];
        const auto& best = *own.banks[static_cast<std::size_t>(request.filters[0].bank)].filters[c];
        QVERIFY(filter.errorRelative >= best.errorRelative * 0.999 && filter.model.order() <= 6);
      }
    }
    request.order.reset();
    request.tolerance = 0.15;
    const auto within = distil(*sample(), request);
    for (std::size_t c = 0; c < 2; ++c)
      QVERIFY(within.banks[static_cast<std::size_t>(request.filters[0].bank)].filters[c]->errorRelative <= 0.15);
    request.method = "no such method";
    QVERIFY_THROWS_EXCEPTION(Error, distil(*sample(), request));
  }

  void weighsErrors() {
    DistilRequest request;
    request.filters = sample()->parseFilters("2.5");
    request.order = 6;
    const FilterId id = request.filters[0];
    const auto taps = sample()->filter(id)->taps;
    const auto weight = InputWeight::band(0, 0.2);
    const auto heard = [&](const Distilled& distilled) {
      const auto& model = distilled.banks[static_cast<std::size_t>(id.bank)].filters[5]->model;
      return errorWeighted(taps, model.impulseResponse(static_cast<int>(taps.size())), weight);
    };
    const auto plain = distil(*sample(), request);
    request.weight = [&](FilterId asked) {
      return asked == id ? weight : throw Error(ErrorKind::input, "test", "another filter", "");
    };
    request.weightName = weight.name();
    const auto weighted = distil(*sample(), request);
    QVERIFY(heard(weighted) < heard(plain));
    QVERIFY(weighted.metadata.at("plan").find("band 0-0.2") != std::string::npos);
    request.method = "kung";
    QVERIFY_THROWS_EXCEPTION(Error, distil(*sample(), request));
    request.method.clear();
    request.filtersPerPoleSet = 2;
    QVERIFY_THROWS_EXCEPTION(Error, distil(*sample(), request));
  }

  void refusesSenselessRequests() {
    DistilRequest nothing;
    QVERIFY_THROWS_EXCEPTION(Error, distil(*sample(), nothing));
    DistilRequest both;
    both.order = 4;
    both.tolerance = 0.1;
    QVERIFY_THROWS_EXCEPTION(Error, distil(*sample(), both));
    DistilRequest none;
    none.order = 0;
    QVERIFY_THROWS_EXCEPTION(Error, distil(*sample(), none));
    DistilRequest few;
    few.orders = {4, 4};
    QVERIFY_THROWS_EXCEPTION(Error, distil(*sample(), few));
    DistilRequest owing;
    owing.budget = -1;
    QVERIFY_THROWS_EXCEPTION(Error, distil(*sample(), owing));
    DistilRequest huge;
    huge.order = 1 << 30;
    QVERIFY_THROWS_EXCEPTION(Error, distil(*sample(), huge));
  }

  void stops() {
    std::stop_source source;
    DistilRequest request;
    request.order = 4;
    request.threads = 2;
    int reports = 0;
    const Task task(source.get_token(), [&](double, std::string_view) {
      if (++reports == 3) source.request_stop();
    });
    QVERIFY_THROWS_EXCEPTION(Stopped, distil(*sample(), request, task));
    QVERIFY(reports < 20);
  }
};

QTEST_GUILESS_MAIN(TestDistil)
#include "test_distil.moc"
