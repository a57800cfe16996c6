// All filters of the shipped sample in one process: the house's standard fit, Kung's method with least-squares residues,
// and the gradient descent of the Laughing Hyena paper (best of five runs, on FILTERS evenly spaced ones: it takes a
// second a filter and order). Errors are relative in l2, h[0] exact for all. Usage:
//   bench_bank [--checkpoint FILE] [--adam FILTERS] [--timed 8] [--threads 1] [--orders 4,8,16,32]
// Times are those of one thread: of the gradient descent, those of its first --timed filters, which run one by one
// before --threads take the rest, against the house's times of the same filters, standard and quick.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/reduction/methods/method.h"
#include "analysis/reduction/methods/modalgradient.h"
#include "analysis/reduction/parallel.h"
#include "analysis/reduction/reducer.h"
#include "analysis/reduction/residues.h"
#include "analysis/response/bounds.h"

using namespace analysis;

namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::time_point from) {
  return std::chrono::duration<double>(Clock::now() - from).count();
}

struct Mean {
  double logs = 0, largest = 0, smallest = 1e300;
  int count = 0;
  void add(double x) {
    logs += std::log(std::max(x, 1e-300));
    largest = std::max(largest, x);
    smallest = std::min(smallest, x);
    ++count;
  }
  double value() const { return std::exp(logs / count); }
};

double adam(const Filter& filter, int order) {
  const std::pair<GradientStart, std::uint64_t> starts[] = {{GradientStart::ring, 7},
                                                            {GradientStart::random, 7},
                                                            {GradientStart::random, 8},
                                                            {GradientStart::logDecays, 7},
                                                            {GradientStart::logDecays, 8}};
  const std::span<const double> taps = filter.taps;
  double best = 1e300;
  for (const auto& [start, seed] : starts) {
    const Poles poles = modalGradientPoles(taps.subspan(1), order, {.start = start, .seed = seed, .adam = {}}, {});
    best = std::min(best, fitFromPoles(Target(taps), poles, "").errorRelative);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t adamFilters = 4, timedFilters = 8;
  int threads = 1;
  std::string file = POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt";
  std::vector<int> orders{4, 8, 16, 32};
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i], value = argv[i + 1];
    if (option == "--adam") adamFilters = std::stoul(value);
    if (option == "--timed") timedFilters = std::max(1ul, std::stoul(value));
    if (option == "--threads") threads = std::stoi(value);
    if (option == "--checkpoint") file = value;
    if (option == "--orders") {
      orders.clear();
      std::istringstream list(value);
      for (std::string word; std::getline(list, word, ',');) orders.push_back(std::stoi(word));
    }
  }
  const auto checkpoint = Checkpoint::open(file);
  const auto ids = checkpoint->parseFilters("*");
  const Method& kung = methodNamed("kung");
  std::printf("%zu filters, times of one thread; geometric means; ratios are error over the house's (smallest, largest)\n",
              ids.size());
  std::printf("%3s | %9s %8s %7s | %7s %15s %7s | %9s %7s %15s %7s | %6s %9s %7s %15s %9s %9s %6s %9s %6s\n", "d", "house",
              "/cert.", "ms", "quick", "", "ms", "Kung+LS", "ratio", "", "ms", "Adam n", "error", "ratio", "", "ms", "x slower",
              "better", "x quick", "better");
  for (const int d : orders) {
    Mean own, overCertificate, quickRatio, other, otherRatio;
    std::vector<double> errors, times, quickErrors, quickTimes;
    double otherSeconds = 0;
    for (const auto& id : ids) {
      const auto filter = checkpoint->filter(id);
      auto begun = Clock::now();
      errors.push_back(Reducer(filter, d).fit(d, {}, Effort::standard).errorRelative);
      times.push_back(seconds(begun));
      own.add(errors.back());
      begun = Clock::now();
      quickErrors.push_back(Reducer(filter, d).fit(d, {}, Effort::quick).errorRelative);
      quickTimes.push_back(seconds(begun));
      quickRatio.add(quickErrors.back() / errors.back());
      const double bound = certificate(filter->taps, d).error[static_cast<std::size_t>(d)];
      if (bound > 0) overCertificate.add(errors.back() / bound);
      begun = Clock::now();
      const double kungError = fitWith(kung, filter->taps, d).errorRelative;
      otherSeconds += seconds(begun);
      other.add(kungError);
      otherRatio.add(kungError / errors.back());
    }
    const double n = static_cast<double>(ids.size());
    std::printf("%3d | %9.5f %8.2f %7.2f | %7.3f (%6.3f,%6.3f) %7.2f | %9.5f %7.3f (%6.3f,%6.3f) %7.2f | ", d, own.value(),
                overCertificate.value(), 1e3 * std::accumulate(times.begin(), times.end(), 0.0) / n, quickRatio.value(),
                quickRatio.smallest, quickRatio.largest, 1e3 * std::accumulate(quickTimes.begin(), quickTimes.end(), 0.0) / n,
                other.value(), otherRatio.value(), otherRatio.smallest, otherRatio.largest, 1e3 * otherSeconds / n);
    std::fflush(stdout);

    std::vector<std::size_t> chosen;
    const std::size_t descents = std::min(adamFilters, ids.size());
    for (std::size_t k = 0; k < descents; ++k) chosen.push_back((2 * k + 1) * ids.size() / (2 * descents));
    const std::size_t timed = std::min(timedFilters, chosen.size());
    // Those that are timed come from all layers, too.
    for (std::size_t k = 0; k < timed; ++k) std::swap(chosen[k], chosen[k + (chosen.size() - timed) * k / timed]);
    std::vector<double> descended(chosen.size());
    const auto begun = Clock::now();
    for (std::size_t k = 0; k < timed; ++k) descended[k] = adam(*checkpoint->filter(ids[chosen[k]]), d);
    const double descentSeconds = seconds(begun);
    inParallel(chosen.size() - timed, threads, {}, 0, 1, [&](std::size_t k) {
      descended[timed + k] = adam(*checkpoint->filter(ids[chosen[timed + k]]), d);
    });
    std::printf("%6zu", chosen.size());
    if (!chosen.empty()) {
      Mean descent, ratio;
      double ownSeconds = 0, quickSeconds = 0;
      int better = 0, betterThanQuick = 0;  // filters where the gradient descent leaves less
      for (std::size_t k = 0; k < chosen.size(); ++k) {
        descent.add(descended[k]);
        ratio.add(descended[k] / errors[chosen[k]]);
        better += descended[k] < errors[chosen[k]];
        betterThanQuick += descended[k] < quickErrors[chosen[k]];
        if (k < timed) ownSeconds += times[chosen[k]];
        if (k < timed) quickSeconds += quickTimes[chosen[k]];
      }
      std::printf(" %9.5f %7.3f (%6.3f,%6.3f) %9.0f %9.0f %6d %9.0f %6d", descent.value(), ratio.value(), ratio.smallest,
                  ratio.largest, 1e3 * descentSeconds / static_cast<double>(timed), descentSeconds / ownSeconds, better,
                  descentSeconds / quickSeconds, betterThanQuick);
    }
    std::printf("\n");
    std::fflush(stdout);
  }
}
