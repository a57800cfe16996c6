// Every method beside the house's own fit on the same filters: errors by family, ratios to the house, times, stability,
// and the gradient baseline (best of five runs). Usage:
//   bench_methods [--orders 4,8,16,32,64] [--length 1024] [--channels 3] [--trained] [--adam] [--repeats 3]
//                 [--export FOLDER]
// --export writes the filters as .npy and the results as results.json for tests/bench/peers/run_peers.py.
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/error.h"
#include "analysis/reduction/methods/method.h"
#include "analysis/reduction/methods/modalgradient.h"
#include "analysis/reduction/reducer.h"
#include "analysis/reduction/residues.h"
#include "analysis/response/bounds.h"
#include "tests/analysis/testfilters.h"

using namespace analysis;

namespace {

const std::string house = "house";  // the final curve
// One order from nothing, residues included.
const std::pair<std::string, Effort> singleFits[] = {{"house quick", Effort::quick},
                                                     {"house standard", Effort::standard}};

struct Options {
  std::vector<int> orders = {4, 8, 16, 32, 64};
  bool trained = false, adam = false;
  int repeats = 3, length = 1024, channels = 3;
  std::string folder;
};

struct Sample {
  std::string name, family;
  std::shared_ptr<const Filter> filter;
};

struct Result {
  double error = 0, milliseconds = 0, radius = 0;  // radius: before stabilisation
  std::string refused;
};

// filter name, order, method
using Results = std::map<std::tuple<std::string, int, std::string>, Result>;

// Processor time: other work on the machine hardly changes it. One thread.
class Stopwatch {
 public:
  double milliseconds() const { return 1e3 * static_cast<double>(std::clock() - m_start) / CLOCKS_PER_SEC; }

 private:
  std::clock_t m_start = std::clock();
};

double median(std::vector<double> x) {
  if (x.empty()) return NAN;
  std::nth_element(x.begin(), x.begin() + x.size() / 2, x.end());
  return x[x.size() / 2];
}

double geometricMean(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += std::log(v);
  return x.empty() ? NAN : std::exp(sum / double(x.size()));
}

std::shared_ptr<const Filter> filterOf(const std::string& name, std::vector<double> taps) {
  Filter filter;
  filter.name = name;
  filter.taps = std::move(taps);
  return std::make_shared<const Filter>(std::move(filter));
}

std::vector<Sample> suite(int length, int channels) {
  std::vector<Sample> out;
  for (const auto& name : testfilters::names(channels))
    out.push_back({name, name.substr(0, name.find('_')), filterOf(name, testfilters::make(name, length))});
  return out;
}

// Sixteen filters of the shipped checkpoint, four of each layer.
std::vector<Sample> trainedFilters() {
  const auto checkpoint = Checkpoint::open(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
  std::vector<Sample> out;
  for (int bank = 0; bank < static_cast<int>(checkpoint->banks().size()); ++bank)
    for (const int channel : {5, 38, 70, 101}) {
      const auto filter = checkpoint->filter({bank, channel});
      out.push_back({filter->name, "trained", filter});
    }
  return out;
}

double largestModulus(const Poles& poles) {
  double radius = 0;
  for (const auto z : poles) radius = std::max(radius, std::abs(z));
  return radius;
}

// Time to find the poles; the residues, the same for all, are not counted.
Result measure(const Sample& sample, const Method& method, int order, int repeats) {
  const std::span<const double> taps = sample.filter->taps;
  Result result;
  std::vector<double> times;
  try {
    Poles poles;
    for (int i = 0; i < (method.slow ? 1 : repeats); ++i) {
      const Stopwatch watch;
      poles = method.poles(taps.subspan(1), order);
      times.push_back(watch.milliseconds());
    }
    result.error = fitFromPoles(Target(taps), poles, "").errorRelative;
    result.radius = largestModulus(poles);
  } catch (const Error& error) {
    result.refused = error.what();
  }
  result.milliseconds = median(times);
  return result;
}

void measureHouse(const Sample& sample, const Options& options, Results& results) {
  const Stopwatch watch;
  const Reducer reducer(sample.filter, *std::max_element(options.orders.begin(), options.orders.end()));
  const auto curve = reducer.curve(options.orders.front());
  const double whole = watch.milliseconds() / curve->maxOrder();
  for (const int order : options.orders) {
    const Fit& fit = *curve->fits[order];
    results[{sample.name, order, house}] = {fit.errorRelative, whole, fit.model.spectralRadius(), {}};
    for (const auto& [name, effort] : singleFits) {
      Fit single;
      std::vector<double> times;
      for (int i = 0; i < options.repeats; ++i) {
        const Stopwatch one;
        single = Reducer(sample.filter, order).fit(order, {}, effort);
        times.push_back(one.milliseconds());
      }
      results[{sample.name, order, name}] = {single.errorRelative, median(times), single.model.spectralRadius(), {}};
    }
  }
}

// Five runs from different starts, as a person would do who knows that the result depends on them.
Result measureAdam(const Sample& sample, int order) {
  const std::pair<GradientStart, std::uint64_t> starts[] = {{GradientStart::ring, 7},
                                                            {GradientStart::random, 7},
                                                            {GradientStart::random, 8},
                                                            {GradientStart::logDecays, 7},
                                                            {GradientStart::logDecays, 8}};
  const std::span<const double> taps = sample.filter->taps;
  Result best;
  best.error = INFINITY;
  const Stopwatch watch;
  for (const auto& [start, seed] : starts) {
    const Poles poles = modalGradientPoles(taps.subspan(1), order, {.start = start, .seed = seed, .adam = {}}, {});
    const double error = fitFromPoles(Target(taps), poles, "").errorRelative;
    if (error < best.error) best.error = error, best.radius = largestModulus(poles);
  }
  best.milliseconds = watch.milliseconds();
  return best;
}

std::vector<std::string> columns() {
  std::vector<std::string> names;
  for (const Method& method : methods())
    if (!method.slow || method.name == "real-poles") names.emplace_back(method.name);
  return names;
}

void printByFamily(const std::vector<Sample>& samples, const Options& options, const Results& results,
                   const std::map<std::string, std::vector<double>>& certificates) {
  std::printf("\nRelative l2 error, geometric mean over the filters of a family (h[0] exact, residues refitted)\n");
  std::printf("%-8s %3s %9s", "family", "d", "certif.");
  for (const auto& name : columns()) std::printf(" %9.9s", name.c_str());
  std::printf(" %9s %7s\n", "house", "/cert.");
  std::vector<std::string> families;
  for (const auto& sample : samples)
    if (std::find(families.begin(), families.end(), sample.family) == families.end()) families.push_back(sample.family);
  for (const auto& family : families)
    for (const int order : options.orders) {
      const auto mean = [&](const std::string& method) {
        std::vector<double> errors;
        for (const auto& sample : samples) {
          if (sample.family != family) continue;
          const auto it = results.find({sample.name, order, method});
          if (it != results.end() && it->second.refused.empty()) errors.push_back(std::max(it->second.error, 1e-16));
        }
        return geometricMean(errors);
      };
      std::vector<double> bounds;
      for (const auto& sample : samples)
        if (sample.family == family) bounds.push_back(certificates.at(sample.name)[order]);
      const double bound = geometricMean(bounds);
      std::printf("%-8s %3d %9.3g", family.c_str(), order, bound);
      for (const auto& name : columns()) std::printf(" %9.3g", mean(name));
      std::printf(" %9.3g %7.2f\n", mean(house), mean(house) / bound);
    }
}

// Ratio of a method's error to the house's: geometric mean and largest, where the house's is not rounding.
void printRatios(const char* title, const std::vector<Sample>& samples, const Options& options,
                 const Results& results) {
  std::printf("\n%s: error / house error, geometric mean (largest); median ms; unstable before reflection; refused\n",
              title);
  std::printf("%-20s", "method");
  for (const int order : options.orders) std::printf("  d=%-30d", order);
  std::printf("\n");
  auto names = columns();
  names.insert(names.begin(), {singleFits[0].first, singleFits[1].first});
  names.push_back("modal-gradient");
  names.push_back("adam-best-of-5");
  for (const auto& name : names) {
    std::ostringstream line;
    bool any = false;
    for (const int order : options.orders) {
      std::vector<double> ratios, times;
      int unstable = 0, refused = 0;
      for (const auto& sample : samples) {
        const auto it = results.find({sample.name, order, name});
        const double own = results.at({sample.name, order, house}).error;
        if (it == results.end() || sample.family == "H3w1") continue;
        times.push_back(it->second.milliseconds);
        refused += !it->second.refused.empty();
        unstable += it->second.radius >= 1;
        if (it->second.refused.empty() && own > 1e-7) ratios.push_back(it->second.error / own);
      }
      any |= !times.empty();
      char cell[64];
      std::snprintf(cell, sizeof cell, "%6.3f (%6.3g) %8.2f %2d %2d", geometricMean(ratios),
                    ratios.empty() ? NAN : *std::max_element(ratios.begin(), ratios.end()), median(times), unstable,
                    refused);
      line << "  " << std::left;
      line.width(32);
      line << (times.empty() ? "-" : cell);
    }
    if (any) std::printf("%-20s%s\n", name.c_str(), line.str().c_str());
  }
  std::vector<double> times;
  for (const auto& sample : samples) times.push_back(results.at({sample.name, options.orders[0], house}).milliseconds);
  std::printf("%-20s  the whole curve of %d orders takes %.0f ms (median)\n", "house",
              *std::max_element(options.orders.begin(), options.orders.end()),
              median(times) * *std::max_element(options.orders.begin(), options.orders.end()));
}

// NumPy format 1.0: magic, header padded to 64 bytes, little-endian doubles.
void writeNpy(const std::filesystem::path& path, const std::vector<double>& x) {
  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (" + std::to_string(x.size()) + ",), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  const auto size = static_cast<std::uint16_t>(header.size());
  std::ofstream file(path, std::ios::binary);
  file.write("\x93NUMPY\x01\x00", 8);
  file.put(static_cast<char>(size & 0xff)).put(static_cast<char>(size >> 8));
  file << header;
  file.write(reinterpret_cast<const char*>(x.data()), static_cast<std::streamsize>(x.size() * sizeof(double)));
  if (!file) throw Error(ErrorKind::output, path.string(), "could not be written", "choose another folder");
}

void exportAll(const std::vector<Sample>& samples, const Options& options, const Results& results,
               const std::map<std::string, std::vector<double>>& certificates) {
  std::filesystem::create_directories(options.folder);
  nlohmann::json filters = nlohmann::json::array(), rows = nlohmann::json::array();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::string file = "filter" + std::to_string(i) + ".npy";
    writeNpy(std::filesystem::path(options.folder) / file, samples[i].filter->taps);
    filters.push_back({{"name", samples[i].name},
                       {"family", samples[i].family},
                       {"file", file},
                       {"certificate", certificates.at(samples[i].name)}});
  }
  for (const auto& [key, r] : results)
    rows.push_back({{"filter", std::get<0>(key)},
                    {"order", std::get<1>(key)},
                    {"method", std::get<2>(key)},
                    {"error", r.error},
                    {"milliseconds", r.milliseconds},
                    {"radius", r.radius},
                    {"refused", r.refused}});
  std::ofstream(std::filesystem::path(options.folder) / "results.json")
      << nlohmann::json{{"orders", options.orders}, {"filters", filters}, {"results", rows}}.dump(1);
  std::printf("\nFilters and results are in %s\n", options.folder.c_str());
}

Options parsed(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto value = [&] { return std::string(i + 1 < argc ? argv[++i] : ""); };
    if (argument == "--trained") {
      options.trained = true;
    } else if (argument == "--adam") {
      options.adam = true;
    } else if (argument == "--repeats") {
      options.repeats = std::max(1, std::stoi(value()));
    } else if (argument == "--length") {
      options.length = std::max(128, std::stoi(value()));
    } else if (argument == "--channels") {
      options.channels = std::clamp(std::stoi(value()), 1, 3);
    } else if (argument == "--export") {
      options.folder = value();
    } else if (argument == "--orders") {
      options.orders.clear();
      std::istringstream list(value());
      for (std::string order; std::getline(list, order, ',');) options.orders.push_back(std::stoi(order));
    } else {
      throw Error(ErrorKind::input, "bench_methods", "unknown option " + argument,
                  "use --orders, --length, --channels, --trained, --adam, --repeats, --export");
    }
  }
  return options;
}

void run(const Options& options) {
  Eigen::setNbThreads(1);
  const auto samples = options.trained ? trainedFilters() : suite(options.length, options.channels);
  Results results;
  std::map<std::string, std::vector<double>> certificates;
  for (const auto& sample : samples) {
    const int highest = *std::max_element(options.orders.begin(), options.orders.end());
    certificates[sample.name] = certificate(sample.filter->taps, highest).error;
    measureHouse(sample, options, results);
    for (const int order : options.orders)
      for (const auto& name : columns())
        if (name != "real-poles" || order <= 16)
          results[{sample.name, order, name}] = measure(sample, methodNamed(name), order, options.repeats);
    const bool firstChannel = sample.name.ends_with("_c0.1") || sample.name.ends_with("_0") || sample.name == "HT_ch0";
    if (options.adam && (firstChannel || options.trained))
      for (const int order : options.orders) {
        results[{sample.name, order, "modal-gradient"}] = measure(sample, methodNamed("modal-gradient"), order, 1);
        if (!options.trained) results[{sample.name, order, "adam-best-of-5"}] = measureAdam(sample, order);
      }
    std::fprintf(stderr, "%s\n", sample.name.c_str());
  }
  printByFamily(samples, options, results, certificates);
  printRatios(options.trained ? "Trained filters" : "Suite without H3w1", samples, options, results);
  for (const auto& [key, result] : results)
    if (!result.refused.empty())
      std::printf("refused: %s d=%d %s\n", std::get<0>(key).c_str(), std::get<1>(key), result.refused.c_str());
  if (!options.folder.empty()) exportAll(samples, options, results, certificates);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parsed(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
