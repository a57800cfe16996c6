#include "app/commandline/source.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "analysis/error.h"
#include "analysis/reduction/distilled.h"
#include "app/commandline/progress.h"
#include "app/commandline/verb.h"
#include "engine/bytepair.h"
#include "engine/device.h"
#include "engine/error.h"

namespace commandline {

using analysis::Error;
using analysis::ErrorKind;

void addCheckpoint(CLI::App& verb, CheckpointOptions& options) {
  verb.add_option("FILE", options.file, "Checkpoint: a file, or the folder of its shards")->required()->type_name("");
  verb.add_option("--set", options.settings,
                  "Read a setting so, where the file leaves a choice ('inspect' shows which)")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::Validator(
          [](std::string& text) {
            const auto middle = text.find('=');
            const bool complete = middle != text.npos && middle > 0 && middle + 1 < text.size();
            return complete ? std::string() : "'" + text + "' is not of the form NAME=VALUE";
          },
          ""));
}

void addModelOptions(CLI::App& verb, CheckpointOptions& options) {
  verb.add_option("--tokenizer", options.tokenizer,
                  "Byte-pair vocabulary of the model: tokenizer.json, vocab.json with merges.txt, or their folder")
      ->type_name("FILE");
  verb.add_option("--weights", options.weights, "Type of the weights in memory; bfloat16 takes half of it")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->capture_default_str();
}

void addBank(CLI::App& verb, CheckpointOptions& options) {
  auto* bank = verb.add_option("--bank", options.bank,
                               "Take this tensor as taps, whatever the file is (* stands for any letters)")
                   ->type_name("TENSOR");
  verb.add_option("--axes", options.axes,
                  "Read the tensor so: for each dimension t (time), r (time reversed), c (channels) or an index, as in "
                  "c,0,t; else its longest axis is time")
      ->type_name("AXES")
      ->needs(bank);
}

analysis::Choices choicesOf(const CheckpointOptions& options) {
  analysis::Choices choices;
  for (const std::string& setting : options.settings) {
    const auto middle = setting.find('=');
    choices[setting.substr(0, middle)] = setting.substr(middle + 1);
  }
  if (!options.bank.empty()) choices["bank"] = options.bank;
  if (!options.axes.empty()) choices["axes"] = options.axes;
  return choices;
}

std::shared_ptr<const analysis::Checkpoint> openCheckpoint(const CheckpointOptions& options, std::stop_token stop) {
  const Progress progress("opening", 100, "%");
  return analysis::Checkpoint::open(options.file, progress.task(std::move(stop)), choicesOf(options));
}

std::shared_ptr<const analysis::Checkpoint> openFilters(const CheckpointOptions& options, std::stop_token stop) {
  auto checkpoint = openCheckpoint(options, std::move(stop));
  if (checkpoint->banks().empty()) {
    throw Error(ErrorKind::input, options.file.string(),
                "it holds no filters (family: " + checkpoint->report().family + ")",
                "read one of its tensors as taps with --bank; 'polecat inspect --tensors' lists them");
  }
  return checkpoint;
}

std::vector<analysis::FilterId> chosenFilters(const analysis::Checkpoint& checkpoint, const std::string& expression) {
  if (!expression.empty()) return checkpoint.parseFilters(expression);
  std::vector<analysis::FilterId> all;
  for (int bank = 0; bank < int(checkpoint.banks().size()); ++bank) {
    for (int channel = 0; channel < checkpoint.banks()[bank].channels; ++channel) all.push_back({bank, channel});
  }
  return all;
}

Loaded loadModel(const CheckpointOptions& options, const std::filesystem::path& distilled, std::stop_token stop) {
  Loaded loaded;
  loaded.checkpoint = openCheckpoint(options, stop);
  const analysis::LanguageModel* description = loaded.checkpoint->languageModel();
  if (!description) {
    const analysis::CheckpointReport& report = loaded.checkpoint->report();
    const std::string reason = !report.missing.empty()         ? report.missing.front()
                               : !report.shapeMismatch.empty() ? report.shapeMismatch.front()
                                                               : "";
    throw Error(ErrorKind::input, options.file.string(),
                reason.empty() ? "it holds filters but no language model that can be run"
                               : "it cannot run as a language model (" + reason + ")",
                "'polecat inspect' shows what it holds");
  }
  loaded.tokenizer = options.tokenizer.empty() ? engine::makeTokenizer(description->tokenizer)
                                               : engine::loadTokenizer(options.tokenizer);
  std::optional<analysis::Distilled> models;
  if (!distilled.empty()) {
    models = analysis::readDistilled(distilled);
    if (const auto warning = analysis::checkMatches(*models, *loaded.checkpoint, analysis::Task(stop))) warn(*warning);
  }
  const Progress progress("loading", 100, "%");
  loaded.original =
      engine::Model::load(loaded.checkpoint, progress.task(stop),
                          options.weights == "bfloat16" ? engine::WeightType::bfloat16 : engine::WeightType::float32);
  if (models) {
    loaded.distilled = loaded.original->withDistilled(*models);
    loaded.models = std::move(*models);
  }
  return loaded;
}

std::string readText(const std::filesystem::path& path) {
  std::string text;
  if (path == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) {
      throw Error(ErrorKind::input, path.string(), "it is a folder", "name a text file");
    }
    std::ifstream stream(path, std::ios::binary);
    if (!stream)
      throw Error(ErrorKind::input, path.string(), "it cannot be read", "check the name and the permissions");
    std::ostringstream bytes;
    bytes << stream.rdbuf();
    text = std::move(bytes).str();
  }
  if (text.empty()) throw Error(ErrorKind::input, path.string(), "it is empty", "name a file with text in it");
  return text;
}

void requireDevice(const std::string& id) {
  const auto devices = engine::devices();
  const auto found = std::find_if(devices.begin(), devices.end(), [&](const auto& device) { return device.id == id; });
  if (found == devices.end()) {
    throw engine::Error(engine::ErrorKind::device, "device " + id, "this machine has none of that name",
                        "'polecat devices' lists those it has");
  }
  if (!found->usable) {
    throw engine::Error(engine::ErrorKind::device, "device " + id, found->remark,
                        "'polecat devices' lists those that can be used");
  }
}

}  // namespace commandline
