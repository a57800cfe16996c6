// polecat compare: every method at the same orders on the same filters: error, certificate, time.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <memory>

#include "analysis/error.h"
#include "analysis/reduction/alternatives.h"
#include "analysis/response/bounds.h"
#include "app/commandline/latency.h"
#include "app/commandline/methodlist.h"
#include "app/commandline/options.h"
#include "app/commandline/progress.h"
#include "app/commandline/source.h"
#include "app/commandline/table.h"
#include "app/commandline/verb.h"

namespace commandline {
namespace {

using nlohmann::ordered_json;

struct Options {
  CheckpointOptions source;
  std::string filters, methods = "fast";
  std::vector<int> orders{4, 8, 16};
  bool json = false;
};

struct Result {
  std::string filter, method;
  int order = 0;
  double errorRelative = NAN, certificate = NAN, seconds = NAN, spectralRadius = NAN;
  std::string refused;  // why there is no model; empty otherwise
};

Result measured(const analysis::Checkpoint& checkpoint, const std::shared_ptr<const analysis::Filter>& filter,
                const std::string& method, int order, double certificate, const analysis::Task& task) {
  Result result{filter->name, method, order, NAN, certificate, NAN, NAN, {}};
  const auto begun = std::chrono::steady_clock::now();
  try {
    const auto seconds = [&] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    };
    if (const auto* form = analysis::alternativeNamed(method)) {
      const auto fit = analysis::fitAlternative(*form, checkpoint, filter->id, order, task);
      result.seconds = seconds();
      result.errorRelative = fit.errorRelative;
      result.spectralRadius = fit.spectralRadius;
      if (!fit.recurrence) result.certificate = NAN;
    } else {
      const analysis::Fit fit = fitBy(method, filter, order, task);
      result.seconds = seconds();
      result.errorRelative = fit.errorRelative;
      result.spectralRadius = fit.model.spectralRadius();
    }
  } catch (const analysis::Error& error) {
    if (error.kind() != analysis::ErrorKind::numerical) throw;
    result.refused = error.what();  // a method without a result is a result of the comparison
  }
  return result;
}

// One after the other: times of fits that share the processor would not be theirs.
std::vector<Result> measureAll(const Options& options, const std::vector<FitMethod>& methods,
                               const Surroundings& around) {
  const auto checkpoint = openFilters(options.source, around.stop);
  const auto ids = checkpoint->parseFilters(options.filters);
  const analysis::Task task(around.stop);
  const Progress progress("comparing", double(ids.size() * methods.size() * options.orders.size()), "fits");
  std::vector<Result> results;
  for (const auto& id : ids) {
    const auto filter = checkpoint->filter(id, task);
    const int largest = *std::max_element(options.orders.begin(), options.orders.end());
    const auto bound = analysis::certificate(filter->taps, largest, task);
    for (const int order : options.orders) {
      for (const FitMethod& method : methods) {
        task.throwIfStopped();
        const auto at = std::min(std::size_t(order), bound.error.size() - 1);
        results.push_back(measured(*checkpoint, filter, method.name, order, bound.error[at], task));
        progress.show(double(results.size()));
      }
    }
  }
  return results;
}

double geometricMean(const std::vector<double>& values) {
  if (values.empty()) return NAN;
  double sum = 0;
  for (const double value : values) sum += std::log(std::max(value, 1e-300));
  return std::exp(sum / double(values.size()));
}

void printTable(const std::vector<Result>& results, const Options& options, const std::vector<FitMethod>& methods) {
  Table table(
      {"order", "<method", "error (geometric mean)", "worst error", "error/certificate", "median time/ms", "refused"});
  for (const int order : options.orders) {
    for (const FitMethod& method : methods) {
      std::vector<double> errors, ratios, seconds;
      int refused = 0;
      for (const Result& result : results) {
        if (result.order != order || result.method != method.name) continue;
        if (!result.refused.empty()) {
          ++refused;
          continue;
        }
        errors.push_back(result.errorRelative);
        seconds.push_back(result.seconds);
        if (result.certificate > 0) ratios.push_back(result.errorRelative / result.certificate);
      }
      table.row({count(order), method.name, number(geometricMean(errors)), number(quantile(errors, 1)),
                 number(geometricMean(ratios)), number(1e3 * quantile(seconds, 0.5)), count(refused)});
    }
  }
  table.print(std::cout);
  std::cout << "\n"
            << count(std::int64_t(results.size() / (methods.size() * options.orders.size())))
            << " filters; errors relative in l2 on the window; no recurrence of the order is better than its "
               "certificate; times of one thread, from nothing\n";
}

void compare(const Options& options, const Surroundings& around) {
  const auto methods = methodsNamed(options.methods, true);
  const auto results = measureAll(options, methods, around);
  if (!options.json) return printTable(results, options, methods);
  ordered_json list = ordered_json::array();
  for (const Result& result : results) {
    list.push_back({{"filter", result.filter}, {"order", result.order}, {"method", result.method}});
    if (!result.refused.empty()) {
      list.back()["refused"] = result.refused;
      continue;
    }
    list.back().update({{"errorRelative", result.errorRelative},
                        {"certificate", result.certificate},
                        {"seconds", result.seconds},
                        {"spectralRadius", result.spectralRadius}});
  }
  print({{"schema", 1}, {"file", options.source.file.string()}, {"results", std::move(list)}});
}

}  // namespace

void addCompare(CLI::App& parent, Action& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = parent.add_subcommand("compare", "Fit the same filters by several methods");
  addCheckpoint(*verb, options->source);
  addBank(*verb, options->source);
  verb->add_option("--filter", options->filters, "Filters to fit")->required()->type_name("FILTERS");
  verb->add_option("--orders", options->orders, "Real states, as in 4,8,16")
      ->type_name("LIST")
      ->delimiter(',')
      ->check(whole(1, 4096))
      ->capture_default_str();
  verb->add_option("--methods", options->methods, "A comma list of methods and forms of 'polecat methods', or all, or fast")
      ->type_name("LIST")
      ->capture_default_str();
  addJson(*verb, options->json);
  verb->callback([options, &chosen] { chosen = [options](const Surroundings& around) { compare(*options, around); }; });
}

}  // namespace commandline
