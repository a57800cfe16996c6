// polecat bench: throughput, latency and memory of the modes, beside the roofs of the same run.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <sstream>

#include "app/commandline/options.h"
#include "app/commandline/outputfile.h"
#include "app/commandline/progress.h"
#include "app/commandline/roofline.h"
#include "app/commandline/source.h"
#include "app/commandline/table.h"
#include "app/commandline/verb.h"
#include "engine/benchmark.h"
#include "engine/device.h"
#include "engine/error.h"
#include "engine/presets.h"

namespace commandline {
namespace {

using nlohmann::ordered_json;

struct BenchOptions {
  CheckpointOptions source;
  std::filesystem::path distilled, figure;
  std::string preset, prefill = "auto", device = "cpu";
  std::vector<std::string> modes;
  std::vector<int> batches{1};
  int prompt = 512, generate = 256, order = 32, repeats = 5, blockLength = 16;
  double seconds = 3;
  bool sweep = false, calibrateOnly = false, batchInvariant = false, json = false;
  std::uint64_t seed = 1;
};

struct Candidate {
  engine::Mixer mixer;
  std::shared_ptr<const engine::Model> model;
};

// Every mode that the models at hand can run, or those that were asked for.
std::vector<Candidate> candidates(const BenchOptions& options, const Surroundings& around) {
  std::vector<Candidate> all;
  const auto addModes = [&](const std::shared_ptr<const engine::Model>& model, bool recurrentOnly) {
    for (const engine::Mixer mixer : mixersOf(*model))
      if (!recurrentOnly || engine::recurrent(mixer)) all.push_back({mixer, model});
  };
  if (!options.preset.empty()) {
    const auto residence = options.device == "cpu" ? engine::Residence::host : engine::Residence::device;
    const auto wanted = [&](std::initializer_list<const char*> names) {
      return options.modes.empty() || std::any_of(names.begin(), names.end(), [&](const char* name) {
               return std::find(options.modes.begin(), options.modes.end(), name) != options.modes.end();
             });
    };
    if (wanted({"attention"}))
      addModes(
          engine::randomTransformer(options.preset, options.seed, 0, engine::WeightType::float32, residence), false);
    if (wanted({"convolution", "convolution-tiled", "modal", "modal-blocked", "companion"})) {
      const auto made = engine::randomModel(options.preset, options.order, options.seed, 0,
                                            engine::WeightType::float32, residence);
      addModes(made.original, false);
      addModes(made.distilled, true);
    }
  } else {
    const Loaded loaded = loadModel(options.source, options.distilled, around.stop);
    addModes(loaded.original, false);
    if (loaded.distilled) addModes(loaded.distilled, true);
  }
  std::erase_if(all, [&](const Candidate& c) {
    const bool unasked = std::find(options.modes.begin(), options.modes.end(), modeName(c.mixer)) == options.modes.end();
    return options.modes.empty() ? !runsOn(options.device, *c.model, c.mixer) : unasked;
  });
  const engine::Prefill way = prefillOf(options.prefill);
  std::erase_if(all, [&](const Candidate& c) {
    const auto ways = engine::prefillWays(c.mixer, c.model->shape().headWidth > 1);
    return way != engine::Prefill::automatic && std::find(ways.begin(), ways.end(), way) == ways.end();
  });
  if (all.empty() && way != engine::Prefill::automatic)
    throw UsageError("--prefill " + options.prefill + ": none of the modes at hand reads prompts by it.");
  if (all.empty()) throw UsageError("--modes: this model runs in none of them; leave it away to see those it has.");
  return all;
}

ordered_json spreadJson(const engine::Spread& spread) {
  return {{"median", spread.median}, {"min", spread.least}, {"max", spread.most}, {"samples", spread.samples}};
}

ordered_json modelJson(const engine::Shape& shape, const BenchOptions& options, const engine::Device& device) {
  long long states = 0, filters = 0;
  for (const auto& block : shape.blocks) states += block.states, filters += block.filters;
  return {{"name", options.preset.empty() ? options.source.file.string() : options.preset},
          {"layers", shape.layers},
          {"width", shape.width},
          {"headWidth", shape.headWidth},
          {"statesPerFilter", filters > 0 ? double(states) / double(filters) : 0.0},
          {"weights", device.id() == "cpu" ? "float32" : "bfloat16"},
          {"state", "float32"}};
}

struct Point {
  engine::BenchmarkRequest request;
  engine::BenchmarkResult result;
  std::string error;  // instead of a result
};

ordered_json pointJson(const Point& point, const BenchOptions& options, const app::MeasuredRoof& roof) {
  const engine::Workload& workload = point.request.workload;
  ordered_json json = {{"model", modelJson(point.request.model->shape(), options, *point.request.device)},
                       {"mode",
                        {{"mixer", modeName(workload.mode.mixer)},
                         {"blockLength", workload.mode.blockLength},
                         {"prefill", prefillName(workload.mode.prefill)},
                         {"batchInvariant", workload.batchInvariant}}},
                       {"workload",
                        {{"promptTokens", point.request.promptTokens},
                         {"newTokens", point.request.newTokens},
                         {"batch", workload.batch},
                         {"seed", workload.seed},
                         {"tokenising", "excluded"},
                         {"sampling", "greedy"}}}};
  if (!point.error.empty()) {
    json["error"] = point.error;
    return json;
  }
  const engine::BenchmarkResult& r = point.result;
  json["result"] = {
      {"tokensPerSecondDecode", spreadJson(r.decodeTokensPerSecond)},
      {"tokensPerSecondTotal", spreadJson(r.totalTokensPerSecond)},
      {"prefillSeconds", r.prefillSeconds},
      {"firstTokenSeconds", r.firstTokenSeconds},
      {"tokenSeconds", {{"p50", r.p50}, {"p90", r.p90}, {"p99", r.p99}, {"max", r.longest}}},
      {"setupSeconds", r.setupSeconds},
      {"bytes",
       {{"weights", r.memory.weightBytes},
        {"tables", r.memory.tableBytes},
        {"state", r.memory.stateBytes},
        {"cache", r.memory.cacheBytes},
        {"workspace", r.memory.workspaceBytes},
        {"deviceDelta", r.deviceDeltaBytes},
        {"predicted", r.predictedBytes}}},
      {"shareOfBandwidth", r.streamedBytesPerStep / r.p50 / roof.bytesPerSecond}};
  json["roofline"] = toJson(placeOf(point.request, r), roof);
  return json;
}

// 1, 2, 4 ... below the limit, then the limit itself: running out is a result.
std::vector<int> sweepOf(const engine::BatchLimit& limit) {
  std::vector<int> batches;
  for (int batch = 1; batch < limit.found; batch *= 2) batches.push_back(batch);
  if (limit.found > 0) batches.push_back(limit.found);
  return batches;
}

void bench(const BenchOptions& options, const Surroundings& around) {
  if (!options.calibrateOnly && options.preset.empty() == options.source.file.empty())
    throw UsageError("bench: give either a FILE or --preset.");
  requireDevice(options.device);
  if (!options.figure.empty()) requireWritable(options.figure);
  const auto device = engine::Device::open(options.device);
  const engine::Calibration trial = device->calibrate();
  const app::MeasuredRoof roof = roofOf(*device, trial);
  std::vector<RooflinePlace> places;
  ordered_json document = {
      {"schema", 1},
      {"program", POLECAT_VERSION},
      {"device", {{"id", options.device}}},
      {"calibration",
       {{"copyBytesPerSecond", trial.copyBytesPerSecond}, {"matmulFlopsPerSecond", trial.matmulFlopsPerSecond}}},
      {"roofs", {{"bytesPerSecond", roof.bytesPerSecond}, {"flopsPerSecond", roof.flopsPerSecond}}},
      {"points", ordered_json::array()},
      {"limits", ordered_json::array()}};
  for (const auto& info : engine::devices())
    if (info.id == options.device) {
      document["device"]["name"] = info.name;
      document["device"]["memoryBytes"] = info.memoryBytes;
    }
  if (!options.json) {
    std::cout << "copy " << number(trial.copyBytesPerSecond / 1e9) << " GB/s, read and written";
    if (trial.matmulFlopsPerSecond > 0) std::cout << "; product " << number(trial.matmulFlopsPerSecond / 1e12) << " TFLOP/s";
    std::cout << std::endl;
  }
  Table table({"<mode", "batch", "decode/s", "with prefill/s", "prefill ms", "p50 ms", "p99 ms", "share of copy",
               "<per sequence", "<session"});
  if (!options.calibrateOnly) {
    for (const Candidate& candidate : candidates(options, around)) {
      Point point;
      point.request.model = candidate.model;
      point.request.device = device;
      point.request.promptTokens = options.prompt;
      point.request.newTokens = options.generate;
      point.request.repeats = options.repeats;
      point.request.seconds = options.seconds;
      engine::Workload& workload = point.request.workload;
      workload.mode.mixer = candidate.mixer;
      workload.mode.blockLength = options.blockLength;
      workload.mode.prefill = prefillOf(options.prefill);
      workload.batchInvariant = options.batchInvariant;
      workload.seed = options.seed;
      std::vector<int> batches = options.batches;
      if (options.sweep) {
        const engine::BatchLimit limit = engine::batchLimit(point.request, 16384, around.stop);
        batches = sweepOf(limit);
        document["limits"].push_back(
            {{"mixer", modeName(candidate.mixer)}, {"predicted", limit.predicted}, {"found", limit.found}});
        if (!options.json)
          std::cout << modeName(candidate.mixer) << ": at most " << count(limit.found) << " sequences, predicted "
                    << count(limit.predicted) << std::endl;
      }
      for (const int batch : batches) {
        if (around.stop.stop_requested()) break;
        workload.batch = batch;
        point.error.clear();
        try {
          point.result = engine::measure(point.request, around.stop);
          const engine::BenchmarkResult& r = point.result;
          const double own = double(r.memory.stateBytes + r.memory.cacheBytes) / batch;
          table.row({modeName(candidate.mixer), count(batch), number(r.decodeTokensPerSecond.median, 4),
                     number(r.totalTokensPerSecond.median, 4), number(1e3 * r.prefillSeconds), number(1e3 * r.p50, 4),
                     number(1e3 * r.p99, 4), number(r.streamedBytesPerStep / r.p50 / trial.copyBytesPerSecond),
                     bytes(own), bytes(double(r.predictedBytes))});
          places.push_back(placeOf(point.request, r));
        } catch (const engine::Error& error) {
          if (error.kind() != engine::ErrorKind::memory) throw;
          point.error = error.what();
          warn(error.what());
        }
        document["points"].push_back(pointJson(point, options, roof));
      }
    }
  }
  if (!options.figure.empty()) {
    const std::string model = options.preset.empty() ? options.source.file.filename().string() : options.preset;
    drawRoofline(options.figure, document["device"].value("name", options.device), roof, places,
                 model + ", prompt " + std::to_string(options.prompt) + ", generated " +
                     std::to_string(options.generate) + ", polecat " + POLECAT_VERSION);
  }
  if (options.json) return print(document);
  if (!options.calibrateOnly) table.print(std::cout);
}

}  // namespace

void addBench(CLI::App& parent, Action& chosen) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* verb = parent.add_subcommand(
      "bench", "Measure throughput, latency and memory of every mode; random prompts, greedy, no tokenizer");
  addCheckpoint(*verb, options->source);
  verb->get_option("FILE")->required(false);
  verb->add_option("--distilled", options->distilled, "Measure these distilled filters too")->type_name("MODELS");
  verb->add_option("--preset", options->preset, "Random weights of a published size instead of FILE")
      ->check(CLI::IsMember({"125m", "355m", "1.3b", "6.9b"}));
  auto names = mixerNames();
  std::erase(names, "auto");
  verb->add_option("--modes", options->modes, "Modes to measure; all of the model without it")
      ->type_name("MODE,...")
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  verb->add_option("--prefill", options->prefill,
                   "How prompts are read; modes without that way are left out, auto: the cheapest of each mode")
      ->type_name("WAY")
      ->check(CLI::IsMember(prefillNames()))
      ->capture_default_str();
  verb->add_option("--batch", options->batches, "Sequences generated together")
      ->type_name("N,...")
      ->delimiter(',')
      ->check(whole(1, 65535))
      ->capture_default_str();
  verb->add_option("--prompt", options->prompt, "Tokens of each prompt")
      ->type_name("N")
      ->check(whole(1, 1 << 20))
      ->capture_default_str();
  verb->add_option("--generate", options->generate, "Tokens to generate")
      ->type_name("N")
      ->check(whole(1, 1 << 20))
      ->capture_default_str();
  verb->add_option("--order", options->order, "Real states per filter of a preset, even")
      ->type_name("N")
      ->check(whole(2, 256))
      ->capture_default_str();
  verb->add_option("--block", options->blockLength, "Tokens of a block of modal-blocked")
      ->type_name("N")
      ->check(whole(1, 64))
      ->capture_default_str();
  verb->add_flag("--sweep", options->sweep, "Batches 1, 2, 4 ... up to what fits in memory, found by bisection");
  verb->add_option("--repeat", options->repeats, "Repeats of each point, at least")
      ->type_name("N")
      ->check(whole(1, 1000))
      ->capture_default_str();
  verb->add_option("--seconds", options->seconds, "Seconds of repeats of each point, at least")
      ->type_name("S")
      ->check(from(0, 3600))
      ->capture_default_str();
  verb->add_option("--figure", options->figure, "Draw the measured points under the roof (.png, .svg or .pdf)")
      ->type_name("FIG")
      ->check(extension({".png", ".svg", ".pdf"}));
  verb->add_flag("--calibrate", options->calibrateOnly, "Measure copy bandwidth and matrix rate alone");
  verb->add_flag("--batch-invariant", options->batchInvariant, "On a GPU: the same bits for every batch");
  verb->add_option("--seed", options->seed, "Of random weights and prompts")->type_name("N")->capture_default_str();
  verb->add_option("--device", options->device, "Where to compute; see 'polecat devices'")
      ->type_name("ID")
      ->capture_default_str();
  addJson(*verb, options->json);
  verb->callback([options, &chosen] { chosen = [options](const Surroundings& around) { bench(*options, around); }; });
}

}  // namespace commandline
