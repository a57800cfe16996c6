// polecat generate --compare: the same text by every mode.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <thread>

#include "app/commandline/generate.h"
#include "app/commandline/latency.h"
#include "app/commandline/options.h"
#include "app/commandline/progress.h"
#include "app/commandline/table.h"
#include "engine/error.h"
#include "engine/generation.h"

namespace commandline {
namespace {

using nlohmann::ordered_json;
using Phase = engine::LaneState::Phase;

struct Lane {
  std::string name;
  engine::Mixer mixer;
  std::vector<engine::Token> tokens;
  engine::Timings timings;
  engine::MemoryUse memory;
  std::string error;  // empty: it ran
};

std::vector<engine::LaneRequest> lanesOf(const GenerateOptions& options, const Loaded& loaded,
                                         const std::vector<engine::Token>& prompt) {
  std::vector<engine::LaneRequest> lanes;
  const auto add = [&](const std::string& name, const std::shared_ptr<const engine::Model>& model) {
    if (!model) return;
    for (const engine::Mixer mixer : mixersOf(*model)) {
      if (!runsOn(options.device, *model, mixer)) continue;
      engine::Workload workload = options.workload;
      workload.mode.mixer = mixer;
      lanes.push_back({name, model, workload, prompt, options.tokens, options.device});
    }
  };
  add("original", loaded.original);
  add("distilled", loaded.distilled);
  return lanes;
}

std::vector<Lane> run(const std::vector<engine::LaneRequest>& requests, int tokens, std::stop_token stop) {
  std::vector<Lane> lanes;
  lanes.reserve(requests.size());
  for (const auto& request : requests) lanes.push_back({request.name, request.workload.mode.mixer, {}, {}, {}, {}});
  const Progress progress("generating", double(tokens) * double(requests.size()), "tokens");
  engine::Generation generation(requests);
  const auto poll = [&] {
    double done = 0;
    for (int i = 0; i < generation.laneCount(); ++i) {
      const engine::LaneState state = generation.poll(i);
      for (const auto& event : state.events) {
        if (event.sequence == 0) lanes[i].tokens.push_back(event.token);
      }
      lanes[i].memory = state.memory;
      if (state.phase == Phase::failed) lanes[i].error = state.error;
      done += state.generated;
    }
    progress.show(done);
  };
  while (!generation.finished()) {
    if (stop.stop_requested()) throw analysis::Stopped{};
    std::this_thread::sleep_for(std::chrono::milliseconds(33));
    poll();
  }
  poll();
  for (int i = 0; i < generation.laneCount(); ++i) lanes[i].timings = generation.timings(i);
  return lanes;
}

std::size_t identicalPrefix(const Lane& reference, const Lane& lane) {
  const auto [a, b] =
      std::mismatch(reference.tokens.begin(), reference.tokens.end(), lane.tokens.begin(), lane.tokens.end());
  return std::size_t(a - reference.tokens.begin());
}

ordered_json toJson(const Lane& lane, const Lane& reference, const engine::Tokenizer& tokenizer) {
  ordered_json json = {{"name", lane.name}, {"mode", modeName(lane.mixer)}};
  if (!lane.error.empty()) {
    json["error"] = lane.error;
    return json;
  }
  json.update({{"identicalPrefixTokens", identicalPrefix(reference, lane)},
               {"tokensPerSecond", tokensPerSecond(lane.timings, 1)},
               {"prefillSeconds", lane.timings.prefillSeconds},
               {"firstTokenSeconds", firstTokenSeconds(lane.timings)},
               {"tokenSeconds", latencyJson(lane.timings)},
               {"bytes", memoryJson(lane.memory)},
               {"tokens", lane.tokens},
               {"text", textOf(tokenizer, lane.tokens)}});
  return json;
}

void printLanes(const std::vector<Lane>& lanes, const GenerateOptions& options, const engine::Tokenizer& tokenizer,
                std::size_t promptTokens) {
  for (const Lane& lane : lanes) {
    std::cout << "-- " << lane.name << ", " << modeName(lane.mixer) << '\n'
              << (lane.error.empty() ? textOf(tokenizer, lane.tokens) : lane.error) << "\n\n";
  }
  Table table({"<lane", "<mode", "tokens/s", "p50/ms", "p99/ms", "first/ms", "state", "cache", "tables",
               "identical prefix/tokens"});
  for (const Lane& lane : lanes) {
    if (!lane.error.empty()) continue;
    const auto& seconds = lane.timings.tokenSeconds;
    table.row({lane.name, modeName(lane.mixer), number(tokensPerSecond(lane.timings, 1)),
               number(1e3 * quantile(seconds, 0.5)), number(1e3 * quantile(seconds, 0.99)),
               number(1e3 * firstTokenSeconds(lane.timings)), bytes(double(lane.memory.stateBytes)),
               bytes(double(lane.memory.cacheBytes)), bytes(double(lane.memory.tableBytes)),
               count(std::int64_t(identicalPrefix(lanes.front(), lane)))});
  }
  table.print(std::cout);
  std::cout << "\nprompt " << count(std::int64_t(promptTokens)) << " tokens, generated " << count(options.tokens)
            << ", batch 1, " << options.device << (options.device == "cpu" ? ", float32" : ", bfloat16") << ", seed " << options.workload.seed
            << "; sampling included, tokenising excluded; lanes took turns on one thread\n";
}

}  // namespace

void compareModes(const GenerateOptions& options, const Loaded& loaded, const std::vector<engine::Token>& prompt,
                  std::stop_token stop) {
  const auto lanes = run(lanesOf(options, loaded, prompt), options.tokens, stop);
  if (options.json) {
    ordered_json document = {{"schema", 1}, {"file", options.source.file.string()}};
    document.update(samplingJson(options, prompt.size()));
    document["lanes"] = ordered_json::array();
    for (const Lane& lane : lanes) document["lanes"].push_back(toJson(lane, lanes.front(), *loaded.tokenizer));
    print(document);
  } else {
    printLanes(lanes, options, *loaded.tokenizer, prompt.size());
  }
  for (const Lane& lane : lanes) {
    if (!lane.error.empty()) {
      throw engine::Error(engine::ErrorKind::device, lane.name + " in mode " + modeName(lane.mixer),
                          "it did not run to its end", "see above for the cause");
    }
  }
}

}  // namespace commandline
