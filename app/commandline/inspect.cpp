// polecat inspect: what a checkpoint holds, and what can be said of its filters.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "app/commandline/filterfacts.h"
#include "app/commandline/options.h"
#include "app/commandline/outputfile.h"
#include "app/commandline/parallel.h"
#include "app/commandline/progress.h"
#include "app/commandline/readingtable.h"
#include "app/commandline/source.h"
#include "app/commandline/table.h"
#include "app/commandline/tapsfile.h"
#include "app/commandline/tensortable.h"
#include "app/commandline/verb.h"

namespace commandline {
namespace {

using nlohmann::ordered_json;

struct Options {
  CheckpointOptions source;
  std::filesystem::path taps;
  std::string filters, readings;
  int lengthSamples = 0;
  int values = 8;
  bool headersOnly = false, tensors = false, statistics = false, json = false;
};

const char* name(analysis::Origin origin) {
  switch (origin) {
    case analysis::Origin::shapes:
      return "shapes";
    case analysis::Origin::tensors:
      return "tensors";
    case analysis::Origin::configuration:
      return "configuration";
    case analysis::Origin::fallback:
      return "default";
    case analysis::Origin::choice:
      return "--set";
  }
  return "";
}

// The report's lists of tensors under the names both outputs use.
std::vector<std::pair<const char*, const std::vector<std::string>*>> lists(const analysis::CheckpointReport& report) {
  return {{"missing", &report.missing},
          {"extra", &report.extra},
          {"tied", &report.tied},
          {"shapeMismatch", &report.shapeMismatch},
          {"skipped", &report.skipped}};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::uint64_t elementCount(const analysis::TensorFile& tensors) {
  std::uint64_t sum = 0;
  for (const auto& tensor : tensors.tensors()) sum += tensor.elementCount;
  return sum;
}

ordered_json describe(const analysis::LanguageModel* model) {
  if (!model) return nullptr;
  return {{"family", model->family},
          {"layers", model->blocks.size()},
          {"width", model->width},
          {"innerWidth", model->innerWidth},
          {"vocabularySize", model->vocabularySize},
          {"vocabularyPadded", model->vocabularyPadded},
          {"trainingLengthTokens", model->trainingLengthTokens},
          {"hyenaOrder", model->hyenaOrder},
          {"heads", model->heads},
          {"positions", model->positions},
          {"tiedHead", model->tiedHead}};
}

ordered_json describe(const analysis::Checkpoint& checkpoint) {
  const auto& report = checkpoint.report();
  const auto& tensors = checkpoint.tensors();
  ordered_json parts = ordered_json::array();
  for (const auto& part : tensors.parts()) parts.push_back(part.filename().string());
  ordered_json document = {{"schema", 1},
                           {"file", tensors.path().string()},
                           {"format", tensors.formatName()},
                           {"parts", std::move(parts)},
                           {"tensors", tensors.tensors().size()},
                           {"elements", elementCount(tensors)},
                           {"family", report.family},
                           {"recognisedBy", report.recognisedBy},
                           {"settings", ordered_json::array()},
                           {"languageModel", describe(checkpoint.languageModel())},
                           {"filterCount", checkpoint.filterCount()},
                           {"banks", ordered_json::array()}};
  for (const auto& setting : report.settings) {
    document["settings"].push_back({{"name", setting.name},
                                    {"value", setting.value},
                                    {"origin", name(setting.origin)},
                                    {"alternatives", setting.alternatives},
                                    {"remark", setting.remark}});
  }
  for (const auto& bank : checkpoint.banks()) {
    document["banks"].push_back({{"path", bank.path},
                                 {"layer", bank.layer},
                                 {"operator", bank.operatorIndex},
                                 {"filters", bank.channels},
                                 {"lengthSamples", bank.lengthSamples},
                                 {"heads", bank.heads}});
  }
  for (const auto& [title, names] : lists(report)) document[title] = *names;
  document["remarks"] = tensors.remarks();
  return document;
}

void printSummary(const analysis::Checkpoint& checkpoint) {
  const auto& report = checkpoint.report();
  const auto& tensors = checkpoint.tensors();
  std::cout << tensors.path().filename().string() << ": " << report.family << " (" << report.recognisedBy << "), "
            << tensors.formatName() << ", " << count(std::int64_t(tensors.tensors().size())) << " tensors, "
            << count(std::int64_t(elementCount(tensors))) << " elements\n\n";
  Table settings({"<setting", "<value", "<from", "<can be set to", "<remark"});
  for (const auto& setting : report.settings) {
    settings.row({setting.name, setting.value, name(setting.origin), joined(setting.alternatives), setting.remark});
  }
  settings.print(std::cout);
  for (const auto& [title, names] : lists(report)) {
    if (names->empty()) continue;
    std::cout << '\n' << title << " (" << names->size() << ")\n";
    const std::size_t shown = std::min<std::size_t>(names->size(), 6);
    for (std::size_t i = 0; i < shown; ++i) std::cout << "  " << (*names)[i] << '\n';
    if (shown < names->size()) std::cout << "  and " << names->size() - shown << " more (all of them with --json)\n";
  }
  for (const std::string& remark : tensors.remarks()) std::cout << "\nremark: " << remark << '\n';
  std::cout << '\n';
}

template <typename Value>
std::string median(std::vector<Value> values) {
  if (values.empty()) return "-";
  std::nth_element(values.begin(), values.begin() + std::ptrdiff_t(values.size() / 2), values.end());
  return number(double(values[values.size() / 2]));
}

// One row per bank; medians over its filters, where they were read.
void printBanks(const analysis::Checkpoint& checkpoint, const std::vector<FilterFacts>& facts) {
  if (checkpoint.banks().empty()) {
    std::cout << "no long convolutions, hence no filters to distil; --tensors lists what there is, --bank reads a "
                 "tensor as taps\n";
    return;
  }
  Table table({"<bank", "layer", "operator", "filters", "length/samples", "median effective/samples", "median energy"});
  for (int index = 0; index < int(checkpoint.banks().size()); ++index) {
    const analysis::Bank& bank = checkpoint.banks()[index];
    std::vector<int> lengths;
    std::vector<double> energies;
    for (const FilterFacts& one : facts) {
      if (one.id.bank != index) continue;
      lengths.push_back(one.statistics.effectiveLengthSamples);
      energies.push_back(one.statistics.energy);
    }
    table.row({bank.path, count(bank.layer), count(bank.operatorIndex), count(bank.channels), count(bank.lengthSamples),
               median(lengths), median(energies)});
  }
  table.print(std::cout);
}

void requireLength(const analysis::Checkpoint& checkpoint, const std::vector<analysis::FilterId>& ids, int length) {
  for (const auto& id : ids) {
    const analysis::Bank& bank = checkpoint.banks()[id.bank];
    if (length <= bank.lengthSamples) continue;
    throw UsageError("--length " + std::to_string(length) + ": the filters of " + bank.path + " have " +
                     std::to_string(bank.lengthSamples) + " taps; ask for at most as many.");
  }
}

void inspect(const Options& options, const Surroundings& around) {
  if (!options.taps.empty()) requireWritable(options.taps);
  const auto checkpoint = openCheckpoint(options.source, around.stop);
  if (!options.readings.empty()) {
    const auto ids = chosenFilters(*checkpoint, options.filters);
    const auto all = readingsOf(*checkpoint, options.source, ids, options.readings, around.stop);
    if (!options.json) return print(all, options.readings);
    return print({{"schema", 1}, {"file", options.source.file.string()}, {"readings", toJson(all, options.readings)}});
  }
  std::vector<FilterFacts> facts;
  if (!options.headersOnly) {
    const auto ids = chosenFilters(*checkpoint, options.filters);
    requireLength(*checkpoint, ids, options.lengthSamples);
    facts.resize(ids.size());
    const Progress progress("inspecting", double(ids.size()), "filters");
    forEachParallel(
        int(ids.size()), 0, around.stop,
        [&](int i) {
          facts[i] = options.filters.empty()
                         ? quickFacts(*checkpoint, ids[i], options.lengthSamples)
                         : fullFacts(*checkpoint, ids[i], options.lengthSamples, options.values, around.stop);
        },
        [&](int done) { progress.show(done); });
  }
  if (!options.taps.empty()) {
    const Progress progress("writing", checkpoint->filterCount(), "filters");
    writeTaps(*checkpoint, options.taps, options.lengthSamples, progress.task(around.stop));
  }
  // Of a file that nobody knows, the tensors are all there is to tell.
  const bool listed = options.tensors || options.statistics || checkpoint->report().family == "Unknown";
  std::vector<TensorRow> tensors;
  if (listed) tensors = tensorRows(checkpoint->tensors(), options.statistics, around.stop);
  if (options.json) {
    ordered_json document = describe(*checkpoint);
    if (listed) document["tensorTable"] = toJson(tensors);
    document["filters"] = ordered_json::array();
    for (const auto& one : facts) document["filters"].push_back(toJson(one, checkpoint->banks()[one.id.bank]));
    if (!options.taps.empty()) document["taps"] = options.taps.string();
    return print(document);
  }
  if (!options.filters.empty()) return factsTable(facts).print(std::cout);
  printSummary(*checkpoint);
  if (listed) {
    print(tensors, options.statistics);
    std::cout << '\n';
  }
  printBanks(*checkpoint, facts);
}

}  // namespace

void addInspect(CLI::App& parent, Action& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = parent.add_subcommand("inspect", "Show what a checkpoint holds, and its filters");
  addCheckpoint(*verb, options->source);
  addBank(*verb, options->source);
  auto* headers = verb->add_flag("--headers", options->headersOnly, "Read names and shapes alone, no filter");
  verb->add_flag("--tensors", options->tensors, "List every tensor: shape, type, elements");
  verb->add_flag("--statistics", options->statistics,
                 "The same with smallest and largest value, mean, rms and the count of NaN; reads all values");
  verb->add_option("--filter", options->filters, "Examine these filters closely: Hankel values, orders worth choosing")
      ->type_name("FILTERS")
      ->excludes(headers);
  verb->add_option("--readings", options->readings,
                   "Show the filters under each value that this setting can have, side by side (with --filter)")
      ->type_name("SETTING")
      ->excludes(headers);
  verb->add_option("--values", options->values, "Leading Hankel values per filter")
      ->type_name("N")
      ->capture_default_str()
      ->check(whole(1, 1024));
  verb->add_option("--length", options->lengthSamples, "Look at the first taps only (samples)")
      ->type_name("L")
      ->check(whole(1, 1 << 24));
  verb->add_option(
          "--taps", options->taps,
          "Write every impulse response as filters.<module path>, without the skip (.safetensors, or .npy for a "
          "single bank)")
      ->type_name("OUT")
      ->check(extension({".safetensors", ".npy"}));
  addJson(*verb, options->json);
  verb->callback([options, &chosen] { chosen = [options](const Surroundings& around) { inspect(*options, around); }; });
}

}  // namespace commandline
