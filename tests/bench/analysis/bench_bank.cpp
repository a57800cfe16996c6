// All filters of the shipped sample in one process: the house's standard fit, Kung's method with least-squares residues,
// and the gradient descent of the Laughing Hyena paper (best of five runs, on a sample of the filters: it takes seconds
// a run). Errors are relative in l2, h[0] exact for all. Usage: bench_bank [--adam FILTERS] [--orders 4,8,16,32]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/reduction/methods/method.h"
#include "analysis/reduction/methods/modalgradient.h"
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
  int adamFilters = 4;
  std::vector<int> orders{4, 8, 16, 32};
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!std::strcmp(argv[i], "--adam")) adamFilters = std::atoi(argv[i + 1]);
    if (!std::strcmp(argv[i], "--orders")) {
      orders.clear();
      std::istringstream list(argv[i + 1]);
      for (std::string word; std::getline(list, word, ',');) orders.push_back(std::atoi(word.c_str()));
    }
  }
  const auto checkpoint = Checkpoint::open(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
  const auto ids = checkpoint->parseFilters("*");
  const Method& kung = methodNamed("kung");
  std::printf("%zu filters, one thread; geometric means; ratios are error over the house's (smallest, largest)\n",
              ids.size());
  std::printf("%3s | %9s %8s %7s | %9s %7s %15s %7s | %6s %9s %7s %15s %9s %9s\n", "d", "house", "/cert.", "ms", "Kung+LS",
              "ratio", "", "ms", "Adam n", "error", "ratio", "", "ms", "x slower");
  for (const int d : orders) {
    Mean own, overCertificate, other, otherRatio, descent, descentRatio;
    double ownSeconds = 0, otherSeconds = 0, descentSeconds = 0, ownSampleSeconds = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto filter = checkpoint->filter(ids[i]);
      auto begun = Clock::now();
      const double error = Reducer(filter, d).fit(d, {}, Effort::standard).errorRelative;
      const double took = seconds(begun);
      ownSeconds += took;
      own.add(error);
      const double bound = certificate(filter->taps, d).error[static_cast<std::size_t>(d)];
      if (bound > 0) overCertificate.add(error / bound);
      begun = Clock::now();
      const double kungError = fitWith(kung, filter->taps, d).errorRelative;
      otherSeconds += seconds(begun);
      other.add(kungError);
      otherRatio.add(kungError / error);
      const std::size_t stride = adamFilters > 0 ? ids.size() / static_cast<std::size_t>(adamFilters) : 0;
      if (stride == 0 || i % stride != stride / 2) continue;
      begun = Clock::now();
      const double adamError = adam(*filter, d);
      descentSeconds += seconds(begun);
      ownSampleSeconds += took;
      descent.add(adamError);
      descentRatio.add(adamError / error);
    }
    const double n = static_cast<double>(ids.size()), sample = std::max(descent.count, 1);
    std::printf("%3d | %9.5f %8.2f %7.2f | %9.5f %7.3f (%6.3f,%6.3f) %7.2f | %6d", d, own.value(),
                overCertificate.value(), 1e3 * ownSeconds / n, other.value(), otherRatio.value(), otherRatio.smallest,
                otherRatio.largest, 1e3 * otherSeconds / n, descent.count);
    if (descent.count > 0) {
      std::printf(" %9.5f %7.3f (%6.3f,%6.3f) %9.0f %9.0f", descent.value(), descentRatio.value(),
                  descentRatio.smallest, descentRatio.largest, 1e3 * descentSeconds / sample,
                  descentSeconds / ownSampleSeconds);
    }
    std::printf("\n");
    std::fflush(stdout);
  }
}
