// Random and damaged filters through every quick method, the house's own fits at every effort, weighted fits and fits
// with common poles. A method may refuse, with an Error(numerical); it may not crash, hang, throw anything else, or
// hand out a model that is unstable, not finite or better than the certificate. Run under the sanitizers for the full
// effect. usage: fuzz_methods [FITS [SEED]]     FITS may be a time, as in 300s
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/error.h"
#include "analysis/reduction/joint.h"
#include "analysis/reduction/methods/method.h"
#include "analysis/reduction/reducer.h"
#include "analysis/response/bounds.h"

namespace {

using namespace analysis;
using Random = std::mt19937_64;

double uniform(Random& random) {
  return static_cast<double>(random() >> 11) * 0x1p-53;
}

// A sum of a few modes, decaying or growing, with noise of any size.
std::vector<double> plausible(Random& random) {
  std::vector<double> h(1 + random() % 200, 0.0);
  const double scale = std::pow(10.0, 20 * uniform(random) - 10);
  for (int mode = 0, modes = static_cast<int>(random() % 6); mode < modes; ++mode) {
    const double p = 0.05 - std::pow(10.0, 3 * uniform(random) - 3), w = 3.2 * uniform(random),
                 a = uniform(random) - 0.5;
    for (std::size_t n = 0; n < h.size(); ++n) h[n] += scale * a * std::exp(p * double(n)) * std::cos(w * double(n));
  }
  const double noise = random() % 2 ? scale * std::pow(10.0, -12 * uniform(random)) : 0;
  for (double& x : h) x += noise * (uniform(random) - 0.5);
  return h;
}

// Single taps replaced by any bit pattern, by extremes, or by copies of other stretches.
void damage(std::vector<double>& h, Random& random) {
  for (int k = static_cast<int>(random() % 4); k > 0; --k) {
    double& tap = h[random() % h.size()];
    switch (random() % 5) {
      case 0: {
        const std::uint64_t bits = random();
        std::memcpy(&tap, &bits, sizeof tap);
        break;
      }
      case 1:
        tap = 0;
        break;
      case 2:
        tap *= 1e100;
        break;
      case 3:
        tap = 5e-324;
        break;
      default:
        std::fill(h.begin() + static_cast<std::ptrdiff_t>(random() % h.size()), h.end(), tap);
    }
  }
}

double peak(const std::vector<double>& h) {
  double largest = 0;
  for (const double x : h) largest = std::max(largest, std::abs(x));
  return largest;
}

// A way to fit, by name.
struct Way {
  std::string name;
  std::function<Fit(const std::vector<double>&, int order)> fit;
};

std::shared_ptr<const Filter> filterOf(const std::vector<double>& h) {
  return std::make_shared<const Filter>(Filter{{}, "fuzz", h, 0});
}

std::vector<Way> ways() {
  std::vector<Way> all;
  for (const Method& method : methods()) {
    if (method.slow && method.name != "real-poles") continue;
    all.push_back(
        {std::string(method.name), [&method](const auto& h, int order) { return fitWith(method, h, order); }});
  }
  for (const auto& [name, effort] :
       {std::pair{"house quick", Effort::quick}, {"house standard", Effort::standard}, {"house full", Effort::full}}) {
    all.push_back({name, [e = effort](const auto& h, int order) {
                     return Reducer(filterOf(h), std::max(order, 1)).fit(order, {}, e);
                   }});
  }
  all.push_back({"house weighted", [](const auto& h, int order) {
                   return Reducer(filterOf(h), std::max(order, 1), {}, InputWeight::band(0.1, 1.5, 16)).fit(order);
                 }});
  all.push_back({"common poles", [](const auto& h, int order) {
                   auto other = h;
                   for (std::size_t n = 0; n < other.size(); ++n) other[n] *= n % 3 == 0 ? 0.5 : 1;
                   return fitTogether(std::vector{filterOf(h), filterOf(other)}, std::max(order, 1)).fits[0];
                 }});
  return all;
}

// Empty: nothing wrong. Otherwise what is.
std::string complaint(const Way& way, const std::vector<double>& h, int order) {
  if (way.name == "common poles") order = std::max(order, 1);
  try {
    const Fit fit = way.fit(h, order);
    if (!(fit.model.spectralRadius() < 1)) return "an unstable pole";
    if (fit.model.order() > order) return "more states than asked for";
    // Poles at the smallest radius allowed cancel each other 1e12-fold; among denormals nothing can be rounded well.
    // The first tap is exact. Under a weight that couples lags it alone may cost more than nothing at all: no fit may
    // be worse than that tap without states.
    const double none = way.name == "house weighted" ? way.fit(h, 0).errorSought() : 1;
    if (!(fit.errorSought() >= 0 && fit.errorSought() <= none * (1 + 1e-5)) && peak(h) > 1e-300)
      return "worse than no model";
    for (const double x : fit.model.impulseResponse(static_cast<int>(h.size())))
      if (!std::isfinite(x)) return "a response that is not finite";
    if (h.size() < 2) return {};
    const auto bound = certificate(h, order);
    if (fit.errorRelative < bound.error.at(order) * (1 - 1e-6) - bound.floor) return "an error below the certificate";
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::numerical) return std::string("the wrong kind of error: ") + error.what();
  } catch (const std::exception& error) {
    return std::string("a foreign exception: ") + error.what();
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const bool timed = argc > 1 && std::string_view(argv[1]).ends_with('s');
  const double limit = argc > 1 ? std::atof(argv[1]) : 2000;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  int bad = 0, calls = 0;
  double slowest = 0;
  std::string slowestMethod;
  const std::vector<Way> all = ways();
  const auto begun = std::chrono::steady_clock::now();
  const auto spent = [&] {
    return timed ? std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count() : calls;
  };
  for (std::uint64_t round = 0; spent() < limit; ++round) {
    Random random(seed + round);
    auto h = plausible(random);
    damage(h, random);
    const int order = static_cast<int>(random() % 24);
    for (const Way& method : all) {
      const auto start = std::chrono::steady_clock::now();
      const std::string wrong = complaint(method, h, order);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      if (seconds > slowest) slowest = seconds, slowestMethod = method.name;
      ++calls;
      if (wrong.empty()) continue;
      ++bad;
      std::printf("seed %llu, %s, order %d, %zu taps: %s\n", static_cast<unsigned long long>(seed + round),
                  method.name.c_str(), order, h.size(), wrong.c_str());
    }
  }
  std::printf("%d fits, %d complaints, slowest %.3f s (%s)\n", calls, bad, slowest, slowestMethod.c_str());
  return bad == 0 ? 0 : 1;
}
