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

namespace commandline {
namespace {

using nlohmann::ordered_json;

struct Options {
  CheckpointOptions source;
  std::filesystem::path text, distilled, perToken;
  int windows = 0;
  std::string mode = "fft", device = "cpu";
  bool json = false;
};

ordered_json toJson(const engine::Evaluation& evaluation, bool compared) {
  ordered_json json = {{"bitsPerToken", evaluation.bitsPerToken},
                       {"nllNatsPerToken", evaluation.bitsPerToken * std::log(2.0)},
                       {"perplexity", evaluation.perplexity},
                       {"windowBitsPerToken", evaluation.windowBits},
                       {"seconds", evaluation.seconds}};
  if (compared) {
    json["klNatsPerToken"] = evaluation.klPerToken;
    json["topOneAgreement"] = evaluation.topOneAgreement;
  }
  return json;
}

std::vector<std::string> cells(const std::string& name, const engine::Evaluation& evaluation, bool compared) {
  const auto tokens = double(evaluation.nll.size());
  return {name,
          number(evaluation.bitsPerToken, 5),
          number(evaluation.perplexity, 4),
          compared ? number(evaluation.klPerToken) : "-",
          compared ? number(100 * evaluation.topOneAgreement, 4) : "-",
          number(evaluation.seconds > 0 ? tokens / evaluation.seconds : NAN)};
}

engine::EvaluationRequest request(const Options& options, const Loaded& loaded, const engine::Model& model) {
  engine::EvaluationRequest request;
  request.windows = options.windows;
  request.windowTokens = model.trainingLengthTokens();
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
  if (!options.perToken.empty()) requireWritable(options.perToken);
  const Loaded loaded = loadModel(options.source, options.distilled, around.stop);
  auto asked = request(options, loaded, loaded.asked());
  std::optional<engine::Evaluation> distilled;
  if (loaded.distilled) distilled = measure("distilled", loaded.distilled, asked, loaded.original, around.stop);
  if (loaded.distilled) {  // the original has no modal form: it is always the exact convolution
    asked.stepByStep = false;
    asked.mode.mixer = mixersOf(*loaded.original).front();
  }
  const auto original = measure("original", loaded.original, asked, nullptr, around.stop);
  if (!options.perToken.empty()) writeNpy(options.perToken, distilled ? distilled->nll : original.nll);

  if (options.json) {
    ordered_json document = {{"schema", 1},
                             {"file", options.source.file.string()},
                             {"text", options.text.string()},
                             {"mode", options.mode},
                             {"device", options.device},
                             {"windows", original.windows},
                             {"windowTokens", original.windowTokens},
                             {"original", toJson(original, false)}};
    if (distilled) document["distilled"] = toJson(*distilled, true);
    return print(document);
  }
  Table table({"<model", "bits/token", "perplexity", "KL/(nats/token)", "top-1 agreement/%", "tokens/s"});
  table.row(cells("original", original, false));
  if (distilled) table.row(cells("distilled", *distilled, true));
  table.print(std::cout);
  std::cout << '\n'
            << count(original.windows) << (original.windows == 1 ? " window of " : " windows of ")
            << count(original.windowTokens) << " tokens, no overlap\n";
}

}  // namespace

void addEvaluate(CLI::App& parent, Action& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = parent.add_subcommand("evaluate", "Measure the loss on a text, and what distillation changed");
  addCheckpoint(*verb, options->source);
  verb->add_option("--text", options->text, "Text to predict; - reads standard input")->required()->type_name("T");
  verb->add_option("--windows", options->windows,
                   "Windows of the model's length, from the start, no overlap; default: as many as fit")
      ->type_name("N")
      ->check(whole(1, 1 << 24));
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
