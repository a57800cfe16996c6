// polecat evaluate: the loss of a language model on a text, and what distillation changed.
#include "engine/evaluate.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>

#include "analysis/error.h"
#include "app/commandline/options.h"
#include "app/commandline/outputfile.h"
#include "app/commandline/progress.h"
#include "app/commandline/source.h"
#include "app/commandline/table.h"
#include "app/commandline/verb.h"
#include "engine/effect.h"
#include "engine/error.h"

namespace commandline {
namespace {

using nlohmann::ordered_json;

struct Options {
  CheckpointOptions source;
  std::filesystem::path text, distilled, perToken;
  int windows = 0, length = 0;
  bool perLayer = false, drift = false;
  std::string mode = "fft", device = "cpu";
  bool json = false;
};

// One model on the text: the columns that the original and the distilled one share.
struct Reading {
  double bitsPerToken = 0, seconds = 0;
  const std::vector<float>& nll;
  const std::vector<double>& windowBits;
};

Reading modelReading(const engine::Evaluation& e) {
  return {e.bitsPerToken, e.seconds, e.nll, e.windowBits};
}
Reading referenceReading(const engine::Evaluation& e) {
  return {e.referenceBitsPerToken, e.referenceSeconds, e.referenceNll, e.referenceWindowBits};
}

constexpr int driftParts = 8;

std::vector<double> bitsOverPosition(const Reading& reading, int windowTokens) {
  auto parts = engine::overPosition(reading.nll, windowTokens, driftParts);
  for (double& part : parts) part /= std::log(2.0);
  return parts;
}

ordered_json toJson(const Reading& reading, int windowTokens) {
  return {{"bitsPerToken", reading.bitsPerToken},
          {"nllNatsPerToken", reading.bitsPerToken * std::log(2.0)},
          {"perplexity", std::exp2(reading.bitsPerToken)},
          {"windowBitsPerToken", reading.windowBits},
          {"bitsOverPosition", bitsOverPosition(reading, windowTokens)},
          {"seconds", reading.seconds}};
}

std::vector<std::string> cells(const std::string& name, const Reading& reading, const engine::Evaluation* compared) {
  const auto tokens = double(reading.nll.size());
  return {name,
          number(reading.bitsPerToken, 5),
          number(std::exp2(reading.bitsPerToken), 4),
          compared ? number(compared->klPerToken) : "-",
          compared ? number(100 * compared->topOneAgreement, 4) : "-",
          number(reading.seconds > 0 ? tokens / reading.seconds : NAN)};
}

ordered_json toJson(const std::vector<engine::BankEffect>& effects) {
  ordered_json banks = ordered_json::array();
  for (const auto& effect : effects)
    banks.push_back({{"path", effect.path},
                     {"states", effect.states},
                     {"lossBitsPerToken", effect.loss.bits},
                     {"standardErrorBits", effect.loss.spreadBits},
                     {"klNatsPerToken", effect.klPerToken},
                     {"klOverPosition", effect.klOverPosition}});
  return banks;
}

void printEffects(const std::vector<engine::BankEffect>& effects) {
  Table table({"<only this bank distilled", "states", "loss/(bits/token)", "standard error", "KL/(nats/token)",
               "first eighth", "last eighth"});
  for (const auto& effect : effects)
    table.row({effect.path, count(effect.states), number(effect.loss.bits), number(effect.loss.spreadBits),
               number(effect.klPerToken), number(effect.klOverPosition.front()), number(effect.klOverPosition.back())});
  std::cout << '\n';
  table.print(std::cout);
}

void printDrift(const Reading& original, const engine::Evaluation* distilled, int windowTokens) {
  Table table({"positions", "original/(bits/token)", "distilled/(bits/token)", "KL/(nats/token)"});
  const auto before = bitsOverPosition(original, windowTokens);
  const auto after = distilled ? bitsOverPosition(modelReading(*distilled), windowTokens) : std::vector<double>{};
  const auto kl = distilled ? engine::overPosition(distilled->kl, windowTokens, driftParts) : std::vector<double>{};
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto edge = [&](std::size_t part) {  // the first position of a part
      return (part * std::size_t(windowTokens) + before.size() - 1) / before.size();
    };
    table.row({count(std::int64_t(edge(i))) + "-" + count(std::int64_t(edge(i + 1)) - 1), number(before[i], 5),
               distilled ? number(after[i], 5) : "-", distilled ? number(kl[i]) : "-"});
  }
  std::cout << '\n';
  table.print(std::cout);
}

engine::EvaluationRequest request(const Options& options, const Loaded& loaded, const engine::Model& model) {
  engine::EvaluationRequest request;
  request.windows = options.windows;
  request.windowTokens = options.length > 0 ? options.length : model.trainingLengthTokens();
  request.stepByStep = options.mode != "fft";
  request.mode.mixer = request.stepByStep ? mixerOf(options.mode, model) : mixersOf(model).front();
  request.tokens = loaded.tokenizer->encode(readText(options.text));
  const long long fitting = (static_cast<long long>(request.tokens.size()) - 1) / std::max(1, request.windowTokens);
  if (fitting >= std::max(1, options.windows)) return request;
  throw analysis::Error(analysis::ErrorKind::input, options.text.string(),
                        "it holds " + count(std::int64_t(request.tokens.size())) + " tokens, and " +
                            count(std::max(1, options.windows)) + " windows of " + count(request.windowTokens) +
                            " and one token to predict are asked for",
                        "give a longer text or fewer --windows");
}

engine::Evaluation measure(const std::string& label, const std::shared_ptr<const engine::Model>& model,
                           const engine::EvaluationRequest& request,
                           const std::shared_ptr<const engine::Model>& reference, std::stop_token stop) {
  const int tokens = request.windowTokens;
  const int windows = request.windows > 0 ? request.windows : int((request.tokens.size() - 1) / tokens);
  const Progress progress("evaluating " + label, double(windows) * tokens, "tokens");
  auto evaluation = engine::evaluate(model, request, reference, progress.task(stop));
  if (stop.stop_requested()) throw analysis::Stopped{};
  return evaluation;
}

void evaluate(const Options& options, const Surroundings& around) {
  requireDevice(options.device);
  if (options.device != "cpu") {
    throw engine::Error(engine::ErrorKind::unsupported, "device " + options.device, "evaluation runs on the CPU only",
                        "leave --device away");
  }
  if (!options.perToken.empty()) requireWritable(options.perToken);
  const Loaded loaded = loadModel(options.source, options.distilled, around.stop);
  auto asked = request(options, loaded, loaded.asked());
  if (options.perLayer && !loaded.distilled)
    throw UsageError("--per-layer: it tells what each layer's distilled filters do; name them with --distilled.");
  // The original runs once: beside the distilled model, or alone.
  const bool compared = loaded.distilled != nullptr;
  const auto result = compared
                          ? measure("distilled and original", loaded.distilled, asked, loaded.original, around.stop)
                          : measure("original", loaded.original, asked, nullptr, around.stop);
  const Reading original = compared ? referenceReading(result) : modelReading(result);
  std::vector<engine::BankEffect> effects;
  if (options.perLayer) {
    const Progress progress("measuring layers", 100, "%");
    effects = engine::bankEffects(loaded.original, loaded.models, asked, progress.task(around.stop));
  }
  if (!options.perToken.empty()) writeNpy(options.perToken, result.nll);

  if (options.json) {
    ordered_json document = {{"schema", 1},
                             {"file", options.source.file.string()},
                             {"text", options.text.string()},
                             {"mode", options.mode},
                             {"device", options.device},
                             {"windows", result.windows},
                             {"windowTokens", result.windowTokens},
                             {"original", toJson(original, result.windowTokens)}};
    if (compared) {
      document["distilled"] = toJson(modelReading(result), result.windowTokens);
      document["distilled"]["klNatsPerToken"] = result.klPerToken;
      document["distilled"]["topOneAgreement"] = result.topOneAgreement;
      document["distilled"]["klOverPosition"] = engine::overPosition(result.kl, result.windowTokens, driftParts);
    }
    if (options.perLayer) document["layers"] = toJson(effects);
    return print(document);
  }
  Table table({"<model", "bits/token", "perplexity", "KL/(nats/token)", "top-1 agreement/%", "tokens/s"});
  table.row(cells("original", original, nullptr));
  if (compared) table.row(cells("distilled", modelReading(result), &result));
  table.print(std::cout);
  if (options.drift) printDrift(original, compared ? &result : nullptr, result.windowTokens);
  if (options.perLayer) printEffects(effects);
  std::cout << '\n'
            << count(result.windows) << (result.windows == 1 ? " window of " : " windows of ")
            << count(result.windowTokens) << " tokens, no overlap";
  if (compared) {
    const engine::LossChange change = engine::lossChange(result);
    std::cout << "; distilled minus original " << number(change.bits) << " +- " << number(change.spreadBits)
              << " bits/token";
  }
  std::cout << '\n';
}

}  // namespace

void addEvaluate(CLI::App& parent, Action& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = parent.add_subcommand("evaluate", "Measure the loss on a text, and what distillation changed");
  addCheckpoint(*verb, options->source);
  addModelOptions(*verb, options->source);
  verb->add_option("--text", options->text, "Text to predict; - reads standard input")->required()->type_name("T");
  verb->add_option("--windows", options->windows,
                   "Windows of the text, from the start, no overlap; default: as many as fit")
      ->type_name("N")
      ->check(whole(1, 1 << 24));
  verb->add_option("--length", options->length, "Tokens of a window; default: the model's training length")
      ->type_name("L")
      ->check(whole(1, 1 << 24));
  verb->add_flag("--drift", options->drift, "Loss over position, in eighths of the window");
  verb->add_flag("--per-layer", options->perLayer, "Also with the filters of one layer distilled at a time");
  verb->add_option("--distilled", options->distilled, "Distilled filters to compare with the original")
      ->type_name("MODELS");
  verb->add_option("--per-token", options->perToken, "Write the loss of every token in nats (.npy, float32)")
      ->type_name("OUT")
      ->check(extension({".npy"}));
  auto modes = mixerNames();
  modes.front() = "fft";
  verb->add_option("--mode", options->mode, "fft: whole windows at once; others step by step, as generation does")
      ->type_name("MODE")
      ->check(CLI::IsMember(modes))
      ->capture_default_str();
  verb->add_option("--device", options->device, "Where to compute; see 'polecat devices'")
      ->type_name("ID")
      ->capture_default_str();
  addJson(*verb, options->json);
  verb->callback(
      [options, &chosen] { chosen = [options](const Surroundings& around) { evaluate(*options, around); }; });
}

}  // namespace commandline
