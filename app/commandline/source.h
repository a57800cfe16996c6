// Opening what a verb works on: checkpoint, text, distilled model; with progress, and one sentence for what is wrong.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "engine/model.h"
#include "engine/tokenizer.h"

namespace CLI {
class App;
}

namespace commandline {

// Which checkpoint, and how to read it where the file leaves a choice.
struct CheckpointOptions {
  std::filesystem::path file;
  std::vector<std::string> settings;  // "NAME=VALUE"
  std::filesystem::path tokenizer;    // empty: what the checkpoint says
  std::string weights = "float32";    // or "bfloat16"
  std::string bank, axes;             // a tensor to read as taps, and how: see analysis::Choices
};
// Declares FILE and --set.
void addCheckpoint(CLI::App&, CheckpointOptions&);
// Declares --bank and --axes, for verbs that look at filters.
void addBank(CLI::App&, CheckpointOptions&);

// The choices that the options ask for.
analysis::Choices choicesOf(const CheckpointOptions&);

// Declares --tokenizer and --weights, for verbs that run the language model.
void addModelOptions(CLI::App&, CheckpointOptions&);

std::shared_ptr<const analysis::Checkpoint> openCheckpoint(const CheckpointOptions&, std::stop_token);

// The same for verbs that cannot do without filters: throws Error(input) when the file has none.
std::shared_ptr<const analysis::Checkpoint> openFilters(const CheckpointOptions&, std::stop_token);

// `expression` as Checkpoint::parseFilters takes it; empty: all filters.
std::vector<analysis::FilterId> chosenFilters(const analysis::Checkpoint&, const std::string& expression);

// A language model ready to run, its distilled twin where one was asked for, and its tokenizer.
struct Loaded {
  std::shared_ptr<const analysis::Checkpoint> checkpoint;
  std::shared_ptr<const engine::Model> original, distilled;  // distilled: null when not asked for
  std::unique_ptr<engine::Tokenizer> tokenizer;
  analysis::Distilled models;  // what `distilled` runs; empty without

  const engine::Model& asked() const { return distilled ? *distilled : *original; }
};
// Throws Error(input) when the file holds no language model or `distilled` belongs to another one; warns when only the
// hash differs. An empty path: no distilled model.
Loaded loadModel(const CheckpointOptions&, const std::filesystem::path& distilled, std::stop_token);

// The bytes of a file, or of standard input for "-". Throws Error(input) when it cannot be read or is empty.
std::string readText(const std::filesystem::path&);

// Throws engine::Error(device) unless engine::devices() lists `id` as usable.
void requireDevice(const std::string& id);

}  // namespace commandline
