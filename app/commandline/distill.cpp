// polecat distill: a state-space model for every filter, into a file.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <memory>
#include <optional>

#include "analysis/error.h"
#include "analysis/reduction/distilled.h"
#include "analysis/reduction/modalpairs.h"
#include "analysis/reduction/sharing.h"
#include "app/commandline/distillbyloss.h"
#include "app/commandline/distillways.h"
#include "app/commandline/latency.h"
#include "app/commandline/options.h"
#include "app/commandline/orderlist.h"
#include "app/commandline/outputfile.h"
#include "app/commandline/progress.h"
#include "app/commandline/source.h"
#include "app/commandline/table.h"
#include "app/commandline/verb.h"

namespace commandline {
namespace {

using nlohmann::ordered_json;

struct Options {
  CheckpointOptions source;
  std::filesystem::path target, resume;
  std::optional<int> order;
  std::optional<double> tolerance;
  std::optional<long long> budget;
  LossOptions loss;
  WayOptions way;
  std::string effort = "standard";
  std::string filters, orders;
  int maxOrder = 64;
  int threads = 0;
  bool json = false;
};

// What became of one bank.
struct BankSummary {
  int distilled = 0, smallestOrder = 0, largestOrder = 0;
  long long states = 0;
  double medianError = NAN, worstError = NAN, medianOverCertificate = NAN;
  int worstChannel = -1;
};

BankSummary summarise(const analysis::DistilledBank& bank) {
  BankSummary summary;
  std::vector<double> errors, ratios;
  for (int channel = 0; channel < int(bank.filters.size()); ++channel) {
    if (!bank.filters[channel]) continue;
    const auto& filter = *bank.filters[channel];
    const int order = filter.model.order();
    summary.smallestOrder = summary.distilled == 0 ? order : std::min(summary.smallestOrder, order);
    summary.largestOrder = std::max(summary.largestOrder, order);
    summary.states += order;
    ++summary.distilled;
    errors.push_back(filter.errorRelative);
    if (filter.certificate > 0) ratios.push_back(filter.errorRelative / filter.certificate);
    if (summary.worstChannel < 0 || filter.errorRelative > summary.worstError) {
      summary.worstError = filter.errorRelative;
      summary.worstChannel = channel;
    }
  }
  if (!errors.empty()) summary.medianError = quantile(errors, 0.5);
  if (!ratios.empty()) summary.medianOverCertificate = quantile(ratios, 0.5);
  return summary;
}

// -1, null and null where the original is kept, as in the file.
ordered_json toJson(const analysis::DistilledBank& bank) {
  ordered_json orders = ordered_json::array(), errors = orders, certificates = orders;
  for (const auto& filter : bank.filters) {
    orders.push_back(filter ? filter->model.order() : -1);
    errors.push_back(filter ? ordered_json(filter->errorRelative) : ordered_json());
    certificates.push_back(filter ? ordered_json(filter->certificate) : ordered_json());
  }
  return {{"path", bank.path}, {"order", orders}, {"errorRelative", errors}, {"certificate", certificates}};
}

void report(const Options& options, const analysis::Checkpoint& checkpoint, const analysis::Distilled& distilled,
            const std::optional<engine::LossPlan>& plan, double seconds) {
  if (options.json) {
    ordered_json banks = ordered_json::array();
    for (const auto& bank : distilled.banks) banks.push_back(toJson(bank));
    ordered_json document = {{"schema", 1},
                             {"file", options.source.file.string()},
                             {"output", options.target.string()},
                             {"states", distilled.states()},
                             {"seconds", seconds},
                             {"metadata", distilled.metadata},
                             {"banks", std::move(banks)}};
    if (plan) document["plan"] = planJson(*plan, *options.loss.maxLoss);
    return print(document);
  }
  if (plan) printPlan(*plan, *options.loss.maxLoss);
  Table table({"<bank", "filters", "orders", "states", "median error", "/certificate", "worst error", "<worst filter"});
  int filters = 0;
  for (int index = 0; index < int(distilled.banks.size()); ++index) {
    const BankSummary summary = summarise(distilled.banks[index]);
    filters += summary.distilled;
    if (summary.distilled == 0) continue;
    const std::string orders = summary.smallestOrder == summary.largestOrder
                                   ? count(summary.largestOrder)
                                   : count(summary.smallestOrder) + "-" + count(summary.largestOrder);
    table.row({distilled.banks[index].path, count(summary.distilled), orders, count(summary.states),
               number(summary.medianError), number(summary.medianOverCertificate), number(summary.worstError),
               checkpoint.filterName({index, summary.worstChannel})});
  }
  table.print(std::cout);
  std::cout << '\n'
            << count(filters) << " filters, " << count(distilled.states()) << " states, errors relative in l2 on the "
            << "window; no recurrence of the order is better there than its certificate; " << duration(seconds) << ": "
            << options.target.string() << '\n';
  if (const auto sharing = analysis::sharingOf(distilled)) std::cout << sharing->sentence() << '\n';
}

analysis::Effort effortOf(const std::string& name) {
  if (name == "quick") return analysis::Effort::quick;
  return name == "full" ? analysis::Effort::full : analysis::Effort::standard;
}

// A name without an extension is a folder of pole and residue files.
bool pairsAsked(const std::filesystem::path& target) {
  return target.extension().empty() || std::filesystem::is_directory(target);
}

void requireTarget(const std::filesystem::path& target) {
  if (!pairsAsked(target)) return requireWritable(target);
  std::error_code ignored;
  if (std::filesystem::exists(target, ignored) && !std::filesystem::is_directory(target, ignored)) {
    throw analysis::Error(analysis::ErrorKind::output, target.string(), "it is a file where a folder is asked for",
                          "end the name in .safetensors, .h5 or .pt");
  }
  auto plain = target;
  while (!plain.has_filename() && plain.has_parent_path()) plain = plain.parent_path();  // "folder/"
  requireWritable(std::filesystem::is_directory(target, ignored) ? target / "approx_poles_1.pt" : plain);
}

// Runs the request; with --resume, models that an earlier run left there are taken over, and a stopped run leaves its own
// there. The file goes when the request is finished.
analysis::Distilled resumable(const analysis::Checkpoint& checkpoint, analysis::DistilRequest request,
                              const std::filesystem::path& resume, const analysis::Task& task) {
  if (resume.empty()) return analysis::distil(checkpoint, request, task);
  std::error_code ignored;
  analysis::Distilled finished;
  if (std::filesystem::exists(resume, ignored)) finished = analysis::readDistilled(resume);
  try {
    auto distilled = analysis::distilKeeping(checkpoint, std::move(request), finished, task);
    std::filesystem::remove(resume, ignored);
    return distilled;
  } catch (const analysis::Stopped&) {
    if (!finished.banks.empty()) analysis::writeDistilled(finished, resume);
    throw;
  }
}

void distill(const Options& options, const Surroundings& around) {
  const int said = options.order.has_value() + options.tolerance.has_value() + options.budget.has_value() +
                   !options.orders.empty() + options.loss.maxLoss.has_value();
  if (said != 1) {
    throw UsageError(
        "distill: say how many states to keep, by one of --order, --tolerance, --budget, --orders and --max-loss.");
  }
  if (options.loss.maxLoss && !options.filters.empty()) {
    throw UsageError("--max-loss: it plans all filters together; leave --filters away.");
  }
  if (options.loss.maxLoss && options.way.said()) {
    throw UsageError("--max-loss: it fits in its own way; leave --method, --share, --weight and --weight-text away.");
  }
  if (!options.loss.maxLoss && !options.loss.text.empty()) {
    throw UsageError("--text: it belongs to --max-loss; the text of a refit is named with --refit-text.");
  }
  if (options.loss.maxLoss && !options.resume.empty()) {
    throw UsageError("--max-loss: its plan needs all filters at once; leave --resume away.");
  }
  if (!options.resume.empty() && options.resume == options.target) {
    throw UsageError("--resume: it names the result itself; name another file for what is unfinished.");
  }
  if (!options.orders.empty() && !options.filters.empty()) {
    throw UsageError("--orders: it names its filters itself; leave --filters away.");
  }
  requireTarget(options.target);
  if (!options.resume.empty()) requireWritable(options.resume);
  const auto checkpoint = openFilters(options.source, around.stop);
  analysis::DistilRequest request;
  request.order = options.order;
  request.tolerance = options.tolerance;
  request.budget = options.budget;
  request.effort = effortOf(options.effort);
  request.maxOrder = options.maxOrder;
  request.threads = options.threads;
  if (!options.filters.empty()) request.filters = checkpoint->parseFilters(options.filters);
  for (const auto& [id, order] : parseOrders(*checkpoint, options.orders)) {
    request.filters.push_back(id);
    request.orders.push_back(order);
  }
  apply(options.way, options.source, options.loss.windows, *checkpoint, request, around.stop);
  const auto begun = std::chrono::steady_clock::now();
  analysis::Distilled distilled;
  std::optional<engine::LossPlan> plan;
  if (options.loss.maxLoss) {
    plan = distilByLoss(options.source, options.loss, options.maxOrder, request.effort, options.threads, around.stop);
    distilled = plan->distilled;
  } else {
    const auto total = request.filters.empty() ? checkpoint->filterCount() : int(request.filters.size());
    const Progress progress("distilling", total, "filters");
    distilled = resumable(*checkpoint, request, options.resume, progress.task(around.stop));
  }
  if (!plan && !options.loss.refitText.empty())
    distilled = refitted(options.source, options.loss, distilled, around.stop);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  if (around.stop.stop_requested()) throw analysis::Stopped{};
  if (pairsAsked(options.target)) {
    analysis::writeModalPairs(analysis::modalPairs(distilled, *checkpoint), options.target);
  } else {
    analysis::writeDistilled(distilled, options.target);
  }
  report(options, *checkpoint, distilled, plan, seconds);
}

}  // namespace

void addDistill(CLI::App& parent, Action& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = parent.add_subcommand("distill", "Fit state-space models to the filters of a checkpoint");
  addCheckpoint(*verb, options->source);
  addModelOptions(*verb, options->source);
  addBank(*verb, options->source);
  verb->add_option("-o,--output", options->target,
                   "Result: .safetensors, .h5, .pt, or a folder for StripedHyena's pole and residue files")
      ->required()
      ->type_name("OUT")
      ->check(CLI::Validator(
          [known = extension({".safetensors", ".h5", ".pt"})](std::string& text) {
            return std::filesystem::path(text).extension().empty() ? std::string() : known(text);
          },
          ""));
  verb->add_option("--order", options->order, "Real states per filter (a conjugate pair counts 2)")
      ->type_name("N")
      ->check(whole(1, 4096));
  verb->add_option("--tolerance", options->tolerance, "Smallest order whose relative l2 error is at most this")
      ->type_name("E")
      ->check(above(0, 1));
  verb->add_option("--orders", options->orders,
                   "An order for each filter, as in 0-3.*=8,5.17=16; others keep their original")
      ->type_name("PLAN");
  verb->add_option("--max-order", options->maxOrder, "Where --tolerance, --budget and --max-loss stop looking")
      ->type_name("N")
      ->check(whole(1, 4096))
      ->capture_default_str();
  verb->add_option("--budget", options->budget, "Real states for all filters together, spent where they help most")
      ->type_name("STATES")
      ->check(whole(1, 1LL << 40));
  verb->add_option("--effort", options->effort, "How hard each fit is tried")
      ->type_name("EFFORT")
      ->check(CLI::IsMember({"quick", "standard", "full"}))
      ->capture_default_str();
  verb->add_option("--filters", options->filters, "Only these; the others keep their original")->type_name("FILTERS");
  verb->add_option("--resume", options->resume,
                   "Where a stopped run leaves its finished models, and the same command takes them up again")
      ->type_name("PART")
      ->check(extension({".safetensors", ".h5", ".pt"}));
  verb->add_option("--threads", options->threads, "0: all cores; the result does not depend on it")
      ->type_name("N")
      ->check(whole(0, 4096))
      ->capture_default_str();
  addLossOptions(*verb, options->loss);
  addWayOptions(*verb, options->way);
  addJson(*verb, options->json);
  verb->callback([options, &chosen] { chosen = [options](const Surroundings& around) { distill(*options, around); }; });
}

}  // namespace commandline
