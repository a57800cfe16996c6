#include "app/commandline/distillways.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "app/commandline/distillbyloss.h"
#include "app/commandline/methodlist.h"
#include "app/commandline/table.h"
#include "app/commandline/verb.h"

namespace commandline {
namespace {

template <typename Number>
std::optional<Number> numberIn(std::string_view word) {
  Number value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return {};
  return value;
}

int filtersPerPoleSet(const std::string& share, const analysis::Checkpoint& checkpoint) {
  if (share == "layer") {
    int most = 1;
    for (const auto& bank : checkpoint.banks()) most = std::max(most, bank.channels);
    return most;
  }
  const auto count = numberIn<int>(share);
  if (!count || *count < 2) {
    throw UsageError("--share: '" + share + "' is neither 'layer' nor a number of neighbouring filters from 2 on.");
  }
  return *count;
}

analysis::InputWeight weightOf(const std::string& text) {
  const std::string_view word(text);
  constexpr std::string_view prefix = "band:";
  const auto dash = word.find('-');
  if (word.starts_with(prefix) && dash != word.npos) {
    const auto low = numberIn<double>(word.substr(prefix.size(), dash - prefix.size()));
    const auto high = numberIn<double>(word.substr(dash + 1));
    if (low && high) return analysis::InputWeight::band(*low, *high);
  }
  throw UsageError("--weight: '" + text + "' is no band; write band:LOW-HIGH in radians per sample, as in band:0-0.5.");
}

}  // namespace

void addWayOptions(CLI::App& verb, WayOptions& options) {
  verb.add_option("--method", options.method, "Another way to fit, for comparison; 'polecat methods' lists them")
      ->type_name("NAME");
  verb.add_option("--share", options.share,
                  "One set of poles for N neighbouring filters, or for all of a layer's operator (layer); with --order or --orders")
      ->type_name("N|layer");
  verb.add_option("--weight", options.weight,
                  "Count errors by what the model hears: band:LOW-HIGH, radians per sample from 0 to pi")
      ->type_name("WEIGHT");
  verb.add_option("--weight-text", options.weightText,
                  "Count errors by what the model feeds each filter on this text; - reads standard input")
      ->type_name("T");
}

void apply(const WayOptions& options, const CheckpointOptions& source, int windows,
           const analysis::Checkpoint& checkpoint, analysis::DistilRequest& request, std::stop_token stop) {
  const bool weighs = !options.weight.empty() || !options.weightText.empty();
  if (!options.weight.empty() && !options.weightText.empty()) {
    throw UsageError("--weight-text: the input is weighed by a band or by a text; leave --weight away.");
  }
  if (!options.method.empty()) {
    const auto methods = methodsNamed(options.method);
    if (methods.size() != 1) throw UsageError("--method: name one; 'polecat methods' lists them.");
    if (methods[0].name != ownMethod) request.method = methods[0].name;
  }
  if (!options.share.empty()) {
    if (!request.order && request.orders.empty())
      throw UsageError("--share: poles are shared at given orders; give --order or --orders.");
    if (!request.method.empty() || weighs) {
      throw UsageError("--share: it goes with Polecat's own fit; leave --method, --weight and --weight-text away.");
    }
    request.filtersPerPoleSet = filtersPerPoleSet(options.share, checkpoint);
  }
  if (weighs && !request.method.empty()) {
    throw UsageError("--weight: it goes with Polecat's own fit; leave --method away.");
  }
  if (!options.weightText.empty()) {
    auto inputs = std::make_shared<std::map<std::string, engine::InputStatistics>>();
    for (auto& bank : inputsOn(source, options.weightText, windows, stop)) inputs->emplace(bank.path, std::move(bank));
    request.weight = [inputs, &checkpoint](analysis::FilterId id) {
      return analysis::InputWeight::measured(inputs->at(checkpoint.banks()[std::size_t(id.bank)].path).of(id.channel));
    };
    request.weightName = "input on " + options.weightText.filename().string();
  }
  if (!options.weight.empty()) {
    auto weight = weightOf(options.weight);
    request.weight = [weight](analysis::FilterId) { return weight; };
    request.weightName = weight.name();
  }
}

}  // namespace commandline
