// polecat generate: continues a prompt, streaming.
#include "app/commandline/generate.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "analysis/error.h"
#include "app/commandline/latency.h"
#include "app/commandline/options.h"
#include "app/commandline/progress.h"
#include "app/commandline/table.h"
#include "engine/device.h"
#include "engine/session.h"

namespace commandline {
namespace {

using nlohmann::ordered_json;

const char* name(engine::Outcome outcome) {
  switch (outcome) {
    case engine::Outcome::finished:
      return "finished";
    case engine::Outcome::stopped:
      return "stopped";
    case engine::Outcome::full:
      return "full";
  }
  return "";
}

std::vector<engine::Token> promptOf(const GenerateOptions& options, const engine::Tokenizer& tokenizer) {
  const std::string text = options.promptFile.empty() ? options.prompt : readText(options.promptFile);
  auto prompt = tokenizer.encode(text);
  if (prompt.empty()) throw UsageError("--prompt: it is empty; give at least one character to continue.");
  return prompt;
}

// Text goes out token by token; that of a batch, each sequence with noise of its own, at the end. A stop leaves what
// was generated so far.
void stream(const GenerateOptions& options, const Loaded& loaded, const std::vector<engine::Token>& prompt,
            std::stop_token stop) {
  engine::Workload workload = options.workload;
  workload.mode.mixer = mixerOf(options.mode, loaded.asked());
  workload.mode.prefill = prefillOf(options.prefill);
  engine::Session session(loaded.distilled ? loaded.distilled : loaded.original, workload,
                          engine::Device::open(options.device));
  const int batch = workload.batch;
  std::vector<engine::Token> prompts;
  for (int b = 0; b < batch; ++b) prompts.insert(prompts.end(), prompt.begin(), prompt.end());
  engine::Outcome outcome = session.prefill(prompts, stop);
  int produced = 0;
  while (outcome == engine::Outcome::finished && produced < options.tokens) {
    outcome = session.decode(1, nullptr, stop);
    const auto tokens = session.generated(0);
    if (int(tokens.size()) == produced) break;
    produced = int(tokens.size());
    if (!options.json && batch == 1) std::cout << loaded.tokenizer->decode(tokens.back()) << std::flush;
  }
  if (outcome == engine::Outcome::stopped && produced == 0) throw analysis::Stopped{};

  const engine::Timings& timings = session.timings();
  if (options.json) {
    const auto tokens = session.generated(0);
    ordered_json document = {{"schema", 1}, {"file", options.source.file.string()}};
    document.update(samplingJson(options, prompt.size()));
    document.update({{"mode", modeName(workload.mode.mixer)},
                     {"prefill", options.prefill},
                     {"outcome", name(outcome)},
                     {"tokens", std::vector<engine::Token>(tokens.begin(), tokens.end())},
                     {"text", textOf(*loaded.tokenizer, tokens)},
                     {"tokensPerSecond", tokensPerSecond(timings, workload.batch)},
                     {"prefillSeconds", timings.prefillSeconds},
                     {"firstTokenSeconds", firstTokenSeconds(timings)},
                     {"tokenSeconds", latencyJson(timings)},
                     {"bytes", memoryJson(session.memory())}});
    for (int b = 0; batch > 1 && b < batch; ++b) {
      const auto own = session.generated(b);
      document["sequences"].push_back(
          {{"tokens", std::vector<engine::Token>(own.begin(), own.end())}, {"text", textOf(*loaded.tokenizer, own)}});
    }
    return print(document);
  }
  for (int b = 0; batch > 1 && b < batch; ++b)
    std::cout << (b > 0 ? "\n\n" : "") << "[" << b + 1 << "]\n" << textOf(*loaded.tokenizer, session.generated(b));
  std::cout << std::endl;
  const engine::MemoryUse use = session.memory();
  std::cerr << count(produced) << " tokens" << (batch > 1 ? " of each of " + count(batch) + " sequences, " : ", ")
            << number(tokensPerSecond(timings, workload.batch)) << " tokens/s, "
            << number(1e3 * quantile(timings.tokenSeconds, 0.5)) << " ms/token, first after "
            << number(1e3 * firstTokenSeconds(timings)) << " ms, state and cache "
            << bytes(double(use.stateBytes + use.cacheBytes)) << ", mode " << modeName(workload.mode.mixer)
            << (outcome == engine::Outcome::stopped ? ", stopped" : "") << '\n';
}

void generate(GenerateOptions options, const Surroundings& around) {
  if (options.prompt.empty() == options.promptFile.empty()) {
    throw UsageError("generate: give the text to continue by either --prompt or --prompt-file.");
  }
  if (options.compare && options.mode != "auto") {
    throw UsageError("--compare: it runs every mode; leave --mode away.");
  }
  if (options.compare && options.workload.batch > 1) {
    throw UsageError(
        "--compare: it follows one sequence; leave --batch away, or measure batches with 'polecat bench'.");
  }
  if (options.compare && options.prefill != "auto") {
    throw UsageError("--compare: each mode reads the prompt in its own best way; leave --prefill away.");
  }
  requireDevice(options.device);
  const Loaded loaded = loadModel(options.source, options.distilled, around.stop);
  const auto prompt = promptOf(options, *loaded.tokenizer);
  options.workload.capacityTokens = int(prompt.size()) + options.tokens;
  const int trained = loaded.original->trainingLengthTokens();
  if (trained > 0 && options.workload.capacityTokens > trained)
    warn("prompt and new tokens make " + count(options.workload.capacityTokens) + ", but the model was trained on " +
         count(trained) + ": what lies further back is forgotten or was never learned.");
  if (options.compare) return compareModes(options, loaded, prompt, around.stop);
  stream(options, loaded, prompt, around.stop);
}

}  // namespace

std::string textOf(const engine::Tokenizer& tokenizer, std::span<const engine::Token> tokens) {
  std::string text;
  for (const engine::Token token : tokens) text += tokenizer.decode(token);
  return text;
}

ordered_json samplingJson(const GenerateOptions& options, std::size_t promptTokens) {
  const auto& sampling = options.workload.sampling;
  return {{"device", options.device},      {"promptTokens", promptTokens},        {"batch", options.workload.batch},
          {"seed", options.workload.seed}, {"temperature", sampling.temperature}, {"topK", sampling.topK},
          {"topP", sampling.topP}};
}

void addGenerate(CLI::App& parent, Action& chosen) {
  auto options = std::make_shared<GenerateOptions>();
  CLI::App* verb = parent.add_subcommand("generate", "Continue a prompt; the text goes to stdout as it comes");
  addCheckpoint(*verb, options->source);
  addModelOptions(*verb, options->source);
  verb->add_option("--prompt", options->prompt, "Text to continue")->type_name("TEXT");
  verb->add_option("--prompt-file", options->promptFile, "File with the text to continue; - reads standard input")
      ->type_name("T");
  verb->add_option("--tokens", options->tokens, "Tokens to generate")
      ->type_name("N")
      ->check(whole(1, 1 << 24))
      ->capture_default_str();
  verb->add_option("--batch", options->workload.batch, "Sequences generated together, each with its own noise")
      ->type_name("N")
      ->check(whole(1, 65535))
      ->capture_default_str();
  addSampling(*verb, options->workload);
  verb->add_option("--distilled", options->distilled, "Run with these distilled filters")->type_name("MODELS");
  verb->add_option("--mode", options->mode, "How the mixers remember the past")
      ->type_name("MODE")
      ->check(CLI::IsMember(mixerNames()))
      ->capture_default_str();
  verb->add_option("--prefill", options->prefill, "How the prompt is read; auto: the cheapest way of the mode")
      ->type_name("WAY")
      ->check(CLI::IsMember(prefillNames()))
      ->capture_default_str();
  verb->add_flag("--compare", options->compare, "Run all modes side by side with the same noise, and measure them");
  verb->add_option("--device", options->device, "Where to compute; see 'polecat devices'")
      ->type_name("ID")
      ->capture_default_str();
  addJson(*verb, options->json);
  verb->callback(
      [options, &chosen] { chosen = [options](const Surroundings& around) { generate(*options, around); }; });
}

}  // namespace commandline
