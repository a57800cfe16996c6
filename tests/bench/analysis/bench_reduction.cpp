// The default algorithm against the reference errors, and what it costs. Sections, all when none is named:
//   curve     whole curves of the suite against the references (goals 1, 4, 6, 7, 8, 10)
//   trained   curves of trained filters
//   weighted  curves of trained filters by a band, beside plain ones: weighted error of both, and what it costs
//   single    quick and standard fits of one order (goals 2, 9, 11)
//   long      filters of 65,536 and 1,048,576 samples (goal 5)
//   snapshots the curve of one filter of 1,048,576 samples as it grows: when each snapshot comes, and what it says
// Ratios are error over reference error; times are medians of processor time on one thread.
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/reduction/reducer.h"
#include "analysis/response/bounds.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;

namespace {

// Of processor time: other work on the machine hardly changes it. One thread.
double milliseconds(std::clock_t from) {
  return 1e3 * static_cast<double>(std::clock() - from) / CLOCKS_PER_SEC;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

double timed(int repeats, const std::function<void()>& work) {
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) {
    const auto begun = std::clock();
    work();
    times.push_back(milliseconds(begun));
  }
  return median(times);
}

nlohmann::json references() {
  std::ifstream file(POLECAT_TEST_DATA "/reference_errors.json");
  return nlohmann::json::parse(file);
}

std::shared_ptr<const Filter> filterOf(std::string name, std::vector<double> taps) {
  return std::make_shared<const Filter>(Filter{{}, std::move(name), std::move(taps), 0});
}

// Geometric mean and largest of ratios.
struct Ratios {
  double logs = 0, largest = 0;
  int count = 0;
  void add(double ratio) {
    logs += std::log(ratio);
    largest = std::max(largest, ratio);
    ++count;
  }
  double mean() const { return count ? std::exp(logs / count) : 0; }
};

struct CurveResult {
  Ratios all, best;
  double milliseconds = 0, firstMilliseconds = 0, descendedMilliseconds = 0, cancellation = 0, overCertificate = 0;
  std::string worst, complaints;
};

CurveResult runCurve(const std::string& name, const std::vector<double>& taps, const nlohmann::json& reference) {
  CurveResult result;
  const auto begun = std::clock();
  const Reducer reducer(filterOf(name, taps));
  const auto curve = reducer.curve(16, {}, [&](const auto& snapshot) {
    if (result.firstMilliseconds == 0) result.firstMilliseconds = milliseconds(begun);
    if (snapshot->stage == "variable projection") result.descendedMilliseconds = milliseconds(begun);
  });
  result.milliseconds = milliseconds(begun);
  const auto bound = certificate(taps, 64);
  double previous = 2;
  for (int d = 0; d <= 64; ++d) {
    const Fit& fit = *curve->fits[static_cast<std::size_t>(d)];
    if (fit.errorRelative > previous * (1 + 1e-6)) result.complaints += " not monotone at " + std::to_string(d);
    previous = fit.errorRelative;
    const double lower = bound.error[static_cast<std::size_t>(d)];
    if (fit.errorRelative < lower) result.complaints += " below certificate at " + std::to_string(d);
    if (fit.model.spectralRadius() > 1 - 1e-9) result.complaints += " unstable at " + std::to_string(d);
    result.cancellation = std::max(result.cancellation, fit.model.cancellation(static_cast<int>(taps.size())));
    const auto key = std::to_string(d);
    if (!reference["rel_l2"].contains(key)) continue;
    const double expected = reference["rel_l2"][key];
    if (expected > 1e-6) {
      const double ratio = fit.errorRelative / expected;
      if (ratio > result.all.largest) result.worst = key;
      result.all.add(ratio);
      if (reference.contains("best_known"))
        result.best.add(fit.errorRelative / reference["best_known"][key].get<double>());
      if (lower > bound.floor && std::set<int>{4, 8, 16, 32, 64}.contains(d))
        result.overCertificate = std::max(result.overCertificate, fit.errorRelative / lower);
    } else if (std::set<int>{4, 8, 16, 32, 64}.contains(d) && fit.errorRelative > 1e-8) {
      result.complaints += " " + std::to_string(fit.errorRelative) + " at " + key;
    }
  }
  return result;
}

void printCurve(const std::string& name, const CurveResult& r) {
  std::printf("%-40s %7.4f %7.4f @%-3s %7.4f %6.2f %7.1f %6.1f %6.1f %7.0f%s\n", name.c_str(), r.all.mean(),
              r.all.largest, r.worst.c_str(), r.best.mean(), r.overCertificate, r.cancellation, r.firstMilliseconds,
              r.descendedMilliseconds, r.milliseconds, r.complaints.c_str());
  std::fflush(stdout);
}

void header() {
  std::printf("%-40s %7s %7s %-4s %7s %6s %7s %6s %6s %7s\n", "filter", "ratio", "max", "at", "best", "/cert", "cancel",
              "first", "varpro", "ms");
}

void curves() {
  header();
  const auto all = references();
  Ratios total;
  for (const auto& [key, reference] : all["filters"].items()) {
    const int length = reference["length"];
    if (length > 8192) continue;
    const auto result = runCurve(key, testfilters::make(reference["name"].get<std::string>(), length), reference);
    printCurve(key, result);
    if (result.all.count) total.add(result.all.largest);
  }
  std::printf("largest ratio of all orders and filters: %.4f\n\n", total.largest);
}

// The filters of the shipped sample that have references, by "path|channel".
std::map<std::string, std::pair<std::shared_ptr<const Filter>, nlohmann::json>> trainedFilters() {
  const auto checkpoint = Checkpoint::open(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
  std::map<std::string, std::pair<std::shared_ptr<const Filter>, nlohmann::json>> filters;
  const auto all = references();
  for (const auto& [key, reference] : all["real"].items()) {
    for (int bank = 0; bank < static_cast<int>(checkpoint->banks().size()); ++bank) {
      const std::string start = "novels-hyena-1m|" + checkpoint->banks()[static_cast<std::size_t>(bank)].path + "|";
      if (key.starts_with(start)) filters[key] = {checkpoint->filter({bank, reference["channel"]}), reference};
    }
  }
  return filters;
}

void trained() {
  header();
  for (const auto& [key, entry] : trainedFilters()) printCurve(key, runCurve(key, entry.first->taps, entry.second));
  std::printf("\n");
}

void weighted() {
  std::printf("%-40s | %-27s | %8s %8s %8s\n", "band 1-2 rad: error over the plain curve's", "at order 4, 8, 16, 32", "plain ms",
              "first ms", "ms");
  const auto weight = InputWeight::band(1, 2);
  for (const auto& [key, entry] : trainedFilters()) {
    std::shared_ptr<const OrderCurve> plain, heard;
    double first = 0;
    const double plainTime = timed(1, [&plain, filter = entry.first] { plain = Reducer(filter).curve(16); });
    const auto begun = std::clock();
    heard = Reducer(entry.first, Reducer::defaultMaxOrder, {}, weight).curve(16, {}, [&](const auto&) {
      if (first == 0) first = milliseconds(begun);
    });
    const double time = milliseconds(begun);
    std::printf("%-40s |", key.c_str());
    for (const std::size_t d : {4, 8, 16, 32}) {
      const auto& taps = entry.first->taps;
      const auto model = plain->fits[d]->model.impulseResponse(static_cast<int>(taps.size()));
      std::printf(" %6.3f", *heard->fits[d]->errorWeighted / errorWeighted(taps, model, weight));
    }
    std::printf(" | %8.0f %8.0f %8.0f\n", plainTime, first, time);
    std::fflush(stdout);
  }
  std::printf("\n");
}

void single() {
  struct Row {
    Ratios quick, standard;
    std::vector<double> quickTimes, standardTimes, construction;
  };
  std::map<std::pair<std::string, int>, Row> rows;
  const auto run = [&](const std::string& group, const std::string& name, const std::vector<double>& taps,
                       const nlohmann::json& reference, const std::vector<int>& orders) {
    for (const int d : orders) {
      Row& row = rows[{group, d}];
      std::shared_ptr<Reducer> reducer;
      row.construction.push_back(timed(3, [&] { reducer = std::make_shared<Reducer>(filterOf(name, taps), d); }));
      Fit quick, standard;
      row.quickTimes.push_back(timed(3, [&] { quick = reducer->fit(d); }));
      row.standardTimes.push_back(timed(3, [&] { standard = reducer->fit(d, {}, Effort::standard); }));
      const double expected = reference["rel_l2"][std::to_string(d)];
      if (expected < 1e-6) continue;
      row.quick.add(quick.errorRelative / expected);
      row.standard.add(standard.errorRelative / expected);
    }
  };
  const auto all = references();
  for (const auto& [key, reference] : all["filters"].items()) {
    const int length = reference["length"];
    if (length > 8192) continue;
    const std::string group = reference["name"] == "MIX" ? "MIX " : "suite ";
    run(group + std::to_string(length), key, testfilters::make(reference["name"].get<std::string>(), length), reference,
        {4, 8, 16, 32, 64});
  }
  for (const auto& [key, entry] : trainedFilters()) run("trained", key, entry.first->taps, entry.second, {4, 8, 16});
  std::printf("%-12s %3s | %8s %8s %8s | %8s %8s %8s | %8s\n", "filters", "d", "quick", "max", "ms", "standard", "max",
              "ms", "start ms");
  for (const auto& [key, row] : rows) {
    std::printf("%-12s %3d | %8.4f %8.4f %8.2f | %8.4f %8.4f %8.2f | %8.2f\n", key.first.c_str(), key.second,
                row.quick.mean(), row.quick.largest, median(row.quickTimes), row.standard.mean(), row.standard.largest,
                median(row.standardTimes), median(row.construction));
  }
  std::printf("\nReducer of 64 orders: ");
  for (const int length : {1024, 8192}) {
    const auto filter = filterOf("H5w10_c0.5", testfilters::make("H5w10_c0.5", length));
    std::printf(" L=%d %.1f ms", length, timed(5, [&] { const Reducer reducer(filter); }));
  }
  std::printf("\n\n");
}

void longFilters() {
  struct Goal {
    const char* name;
    int length, order;
    double error;
  };
  std::printf("%-12s %8s %3s %8s | %10s %9s | %10s %9s | %s\n", "filter", "length", "d", "goal", "standard", "ms",
              "full", "ms", "most memory of the process so far, bytes per tap");
  for (const Goal& goal : {Goal{"MIX", 65536, 16, 0.5}, Goal{"MIX", 65536, 32, 0.23}, Goal{"MIX", 1 << 20, 16, 0.61},
                           Goal{"MIX", 1 << 20, 32, 0.36}, Goal{"H5w10_c0.5", 1 << 20, 16, 0.26},
                           Goal{"H5w10_c0.5", 1 << 20, 32, 0.125}}) {
    const auto filter = filterOf(goal.name, testfilters::make(goal.name, goal.length));
    Fit standard, full;
    const double standardTime =
        timed(1, [&] { standard = Reducer(filter, goal.order).fit(goal.order, {}, Effort::standard); });
    const double fullTime = timed(1, [&] { full = Reducer(filter, goal.order).fit(goal.order, {}, Effort::full); });
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::printf("%-12s %8d %3d %8.3f | %10.4f %9.0f | %10.4f %9.0f | %.0f\n", goal.name, goal.length, goal.order,
                goal.error, standard.errorRelative, standardTime, full.errorRelative, fullTime,
                1024.0 * static_cast<double>(usage.ru_maxrss) / goal.length);
    std::fflush(stdout);
  }
  std::printf("\n");
}

void snapshots() {
  const auto filter = filterOf("MIX", testfilters::make("MIX", 1 << 20));
  std::printf("%10s  %-20s %8s %8s %8s %8s\n", "ms", "MIX, 1,048,576", "d = 4", "8", "16", "32");
  const auto begun = std::clock();
  const Reducer reducer(filter);
  std::printf("%10.0f  prepared\n", milliseconds(begun));
  std::string told;  // stages and changes at these orders only: there are hundreds of snapshots
  reducer.curve(16, {}, [&](const std::shared_ptr<const OrderCurve>& curve) {
    std::string line = curve->stage;
    line.resize(20, ' ');
    for (const std::size_t d : {4, 8, 16, 32}) {
      char error[16];
      std::snprintf(error, sizeof error, " %8.4f", curve->fits[d]->errorRelative);
      line += error;
    }
    if (line != told) std::printf("%10.0f  %s\n", milliseconds(begun), line.c_str());
    told = line;
    std::fflush(stdout);
  });
}

}  // namespace

int main(int count, char** words) {
  const std::set<std::string> asked(words + 1, words + count);
  const auto wanted = [&](const char* section) { return asked.empty() || asked.contains(section); };
  if (wanted("curve")) curves();
  if (wanted("trained")) trained();
  if (wanted("weighted")) weighted();
  if (wanted("single")) single();
  if (wanted("long")) longFilters();
  if (wanted("snapshots")) snapshots();
}
