// What a generation was asked for, shared by the streaming and the comparing form.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/commandline/source.h"
#include "app/commandline/verb.h"
#include "engine/workload.h"

namespace commandline {

struct GenerateOptions {
  CheckpointOptions source;
  std::filesystem::path promptFile, distilled;
  std::string prompt, mode = "auto", prefill = "auto", device = "cpu";
  int tokens = 256;
  engine::Workload workload;
  bool compare = false, json = false;
};

std::string textOf(const engine::Tokenizer&, std::span<const engine::Token>);
nlohmann::ordered_json samplingJson(const GenerateOptions&, std::size_t promptTokens);

// All modes the model can run, from the same prompt with the same noise, taking turns; original first.
void compareModes(const GenerateOptions&, const Loaded&, const std::vector<engine::Token>& prompt, std::stop_token);

}  // namespace commandline
