// What goes beyond one fit of one filter: common poles, weighted errors, fewer bits, exact first taps, random starts,
// cancelling. Sections, all when none is named: joint weight precision taps global cancel. On filters of the shipped
// sample and on test filters; errors relative in l2; one thread.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/reduction/firsttaps.h"
#include "analysis/reduction/globalcheck.h"
#include "analysis/reduction/joint.h"
#include "analysis/reduction/precision.h"
#include "analysis/reduction/reducer.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;

namespace {

using Clock = std::chrono::steady_clock;
using Filters = std::vector<std::shared_ptr<const Filter>>;

double milliseconds(Clock::time_point from) {
  return std::chrono::duration<double, std::milli>(Clock::now() - from).count();
}

double geometricMean(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += std::log(std::max(v, 1e-300));
  return x.empty() ? NAN : std::exp(sum / double(x.size()));
}

double largest(const std::vector<double>& x) {
  return x.empty() ? NAN : *std::max_element(x.begin(), x.end());
}

std::shared_ptr<const Checkpoint> sample() {
  static const auto checkpoint = Checkpoint::open(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
  return checkpoint;
}

// Four channels of each layer: the trained filters of the reference file.
Filters trained() {
  Filters filters;
  for (int bank = 0; bank < static_cast<int>(sample()->banks().size()); ++bank)
    for (const int channel : {5, 38, 70, 101}) filters.push_back(sample()->filter({bank, channel}));
  return filters;
}

Fit standard(const std::shared_ptr<const Filter>& filter, int order) {
  return Reducer(filter, order).fit(order, {}, Effort::standard);
}

void joint() {
  std::printf("common poles: error over that of separate poles of the same order, and at the same stored numbers\n");
  std::printf("%-22s %3s | %7s %7s | %9s %9s | %17s | %8s\n", "set", "d", "ratio", "max", "numbers", "separate",
              "same numbers: d", "ms");
  for (const auto& [name, size] : {std::pair{"4 neighbours", 4}, {"16 neighbours", 16}, {"layer (128)", 128}}) {
    for (const int order : {8, 16}) {
      std::vector<double> ratios, sameBudget;
      double time = 0;
      // The order of separate models with as many numbers.
      const long long numbers = storedNumbers(order, size, size);
      int smaller = 1;
      while (storedNumbers(smaller + 1, size) <= numbers) ++smaller;
      for (const int bank : {0, 2}) {
        Filters filters;
        for (int c = 0; c < size; ++c) filters.push_back(sample()->filter({bank, c}));
        const auto begun = Clock::now();
        const JointFit fit = fitTogether(filters, order);
        time += milliseconds(begun);
        for (int c = 0; c < size; ++c) {
          const double common = fit.fits[static_cast<std::size_t>(c)].errorRelative;
          ratios.push_back(common / standard(filters[static_cast<std::size_t>(c)], order).errorRelative);
          sameBudget.push_back(common / standard(filters[static_cast<std::size_t>(c)], smaller).errorRelative);
        }
      }
      std::printf("%-22s %3d | %7.3f %7.3f | %9lld %9lld | %8d: %7.3f | %8.1f\n", name, order, geometricMean(ratios),
                  largest(ratios), numbers, storedNumbers(order, size), smaller, geometricMean(sameBudget), time / 2);
      std::fflush(stdout);
    }
  }
  std::printf("\n");
}

void weight() {
  std::printf("weighted fits: weighted error over the plain fit's, plain error over the plain fit's (trained filters)\n");
  std::printf("%-14s %3s | %8s %8s | %8s | %8s %8s\n", "band", "d", "weighted", "max", "plain", "ms", "plain ms");
  for (const auto& [low, high] : {std::pair{0.0, 0.3}, {0.3, 1.0}, {1.5, 3.14159}}) {
    const auto band = InputWeight::band(low, high);
    for (const int order : {4, 8, 16}) {
      std::vector<double> heard, all;
      double time = 0, plainTime = 0;
      for (const auto& filter : trained()) {
        auto begun = Clock::now();
        const Fit plain = standard(filter, order);
        plainTime += milliseconds(begun);
        begun = Clock::now();
        const Fit fit = Reducer(filter, order, {}, band).fit(order, {}, Effort::standard);
        time += milliseconds(begun);
        const auto model = plain.model.impulseResponse(static_cast<int>(filter->taps.size()));
        heard.push_back(*fit.errorWeighted / errorWeighted(filter->taps, model, band));
        all.push_back(fit.errorRelative / plain.errorRelative);
      }
      std::printf("%-14s %3d | %8.3f %8.3f | %8.3f | %8.2f %8.2f\n", band.name().c_str(), order, geometricMean(heard),
                  largest(heard), geometricMean(all), time / double(heard.size()), plainTime / double(heard.size()));
    }
  }
  std::printf("\n");
}

void precision() {
  std::printf("stored in fewer bits: error over float64's, geometric mean (largest), trained filters\n");
  std::printf("%3s | %20s | %20s | %24s\n", "d", "float32", "bfloat16, refitted", "bfloat16, not refitted");
  for (const int order : {8, 16, 32}) {
    std::vector<double> single, half, careless;
    for (const auto& filter : trained()) {
      const Target target(filter->taps);
      const PoleSet poles = PoleSet::of(standard(filter, order).model);
      const double exact = storedFit(target, poles, Precision::float64).errorRelative;
      single.push_back(storedFit(target, poles, Precision::float32).errorRelative / exact);
      half.push_back(storedFit(target, poles, Precision::bfloat16).errorRelative / exact);
      careless.push_back(storedFit(target, poles, Precision::bfloat16, false).errorRelative / exact);
    }
    std::printf("%3d | %9.6f (%8.6f) | %9.4f (%8.4f) | %12.3f (%8.3f)\n", order, geometricMean(single), largest(single),
                geometricMean(half), largest(half), geometricMean(careless), largest(careless));
  }
  std::printf("\n");
}

void taps() {
  std::printf("exact first taps beside a recurrence: geometric mean of the error, trained filters\n");
  std::printf("%3s | %8s %8s %8s %8s %8s\n", "d", "0 taps", "2", "8", "32", "best split of 1 + 3 d operations");
  for (const int order : {4, 8, 16}) {
    std::printf("%3d |", order);
    for (const int exact : {0, 2, 8, 32}) {
      std::vector<double> errors;
      for (const auto& filter : trained()) errors.push_back(fitAfterTaps(filter, exact, order).errorRelative);
      std::printf(" %8.4f", geometricMean(errors));
    }
    std::vector<double> split;
    for (const auto& filter : trained()) split.push_back(bestSplit(filter, 1 + 3 * order).errorRelative);
    std::printf(" %8.4f\n", geometricMean(split));
    std::fflush(stdout);
  }
  std::printf("\n");
}

void global() {
  std::printf("random starts against the final curve: 400 descents a fit\n");
  std::printf("%3s | %8s %9s %9s %10s %8s\n", "d", "filters", "probably", "improved", "reached", "ms");
  for (const int order : {2, 4, 8}) {
    int good = 0, improved = 0, reached = 0, count = 0;
    double time = 0;
    for (int bank = 0; bank < 4; ++bank) {
      const auto filter = sample()->filter({bank, 38});
      const Fit fit = *Reducer(filter, 16).curve(order)->fits[static_cast<std::size_t>(order)];
      if (fit.model.order() > largestCheckedOrder) continue;
      const auto begun = Clock::now();
      const auto check = checkGlobal(*filter, fit);
      time += milliseconds(begun);
      good += check.probablyGlobal();
      improved += check.improved;
      reached += check.reached;
      ++count;
    }
    std::printf("%3d | %8d %9d %9d %10.1f %8.0f\n", order, count, good, improved, double(reached) / count, time / count);
    std::fflush(stdout);
  }
  std::printf("\n");
}

// How long after a request to stop a curve returns; requests at evenly spaced moments of its run.
void cancel() {
  std::printf("answer to a request to stop, ms (goal 100): reducer and curve, stopped at moments of their run\n");
  for (const auto& [name, length] :
       {std::pair{"H5w10_c0.5", 1024}, {"H5w10_c0.5", 8192}, {"MIX", 65536}, {"MIX", 1 << 20}}) {
    const auto filter = std::make_shared<const Filter>(Filter{{}, name, testfilters::make(name, length), 0});
    double worst = 0;
    int stopped = 0;
    constexpr int moments = 12;
    for (int i = 0; i < moments; ++i) {
      std::stop_source source;
      Clock::time_point returned;
      std::jthread worker([&] {
        try {
          const Task task(source.get_token());
          Reducer(filter, 64, task).curve(16, task);
        } catch (const Stopped&) {
          ++stopped;
        }
        returned = Clock::now();
      });
      std::this_thread::sleep_for(std::chrono::milliseconds(7 + i * (length > 8192 ? 350 : 60)));
      const auto asked = Clock::now();
      source.request_stop();
      worker.join();
      if (returned > asked) worst = std::max(worst, std::chrono::duration<double, std::milli>(returned - asked).count());
    }
    std::printf("%-12s %8d: worst of %d: %.1f (%d were still running)\n", name, length, moments, worst, stopped);
    std::fflush(stdout);
  }
  std::printf("\n");
}

}  // namespace

int main(int count, char** words) {
  const std::set<std::string> asked(words + 1, words + count);
  for (const auto& [name, section] : {std::pair<const char*, std::function<void()>>{"joint", joint},
                                      {"weight", weight},
                                      {"precision", precision},
                                      {"taps", taps},
                                      {"global", global},
                                      {"cancel", cancel}}) {
    if (asked.empty() || asked.contains(name)) section();
  }
}
