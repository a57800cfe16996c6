// Tokens per second of every mode at several contexts, with the share of this machine's copy bandwidth, measured in the
// same run, then how soon a generation answers a cancel. Usage: bench_decode [CHECKPOINT | SIZE [GPT-CHECKPOINT]]
// [OPTION=VALUE...]; the bundled sample without arguments. SIZE (125m, 355m, 1.3b) means random weights, with a
// Transformer of the same shape. Options: contexts=512,2048 batches=1,16 modes=TEXT (rows whose name contains it)
// weights=bfloat16.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/reduction/distilled.h"
#include "engine/cpu/team.h"
#include "engine/generation.h"
#include "engine/presets.h"
#include "engine/session.h"
#include "engine/weights.h"

using namespace engine;
using Clock = std::chrono::steady_clock;

namespace {

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// Bytes read and written per second by all cores on arrays far larger than the caches.
double copyBandwidth() {
  const std::size_t bytes = std::size_t{128} << 20;
  std::vector<char> from(bytes, 1), to(bytes, 2);
  cpu::Team team;
  const int parts = team.size();
  std::vector<double> rates;
  for (int repeat = 0; repeat < 7; ++repeat) {
    const auto start = Clock::now();
    team.run(parts, [&](int part, int) {
      const std::size_t size = bytes / static_cast<std::size_t>(parts), at = size * static_cast<std::size_t>(part);
      std::memcpy(to.data() + at, from.data() + at, size);
    });
    rates.push_back(2 * static_cast<double>(bytes) / std::chrono::duration<double>(Clock::now() - start).count());
  }
  return median(rates);
}

std::vector<Token> prompt(int tokens, int vocabulary) {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> id(0, vocabulary - 1);
  std::vector<Token> ids(static_cast<std::size_t>(tokens));
  for (Token& token : ids) token = id(random);
  return ids;
}

// 99th percentile over median of copies that take about as long as a step: what the machine itself makes uneven.
double unevenness(double secondsEach, double bandwidth) {
  cpu::Team team;
  const auto bytes = static_cast<std::size_t>(secondsEach * bandwidth / 2) / static_cast<std::size_t>(team.size());
  std::vector<char> from(bytes * static_cast<std::size_t>(team.size()), 1), to(from.size(), 2);
  std::vector<double> seconds;
  for (int repeat = 0; repeat < 400; ++repeat) {
    const auto start = Clock::now();
    team.run(team.size(), [&](int part, int) {
      std::memcpy(to.data() + static_cast<std::size_t>(part) * bytes, from.data() + static_cast<std::size_t>(part) * bytes, bytes);
    });
    if (repeat >= 40) seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() * 99 / 100] / seconds[seconds.size() / 2];
}

struct Row {
  std::string mode;
  std::shared_ptr<const Model> model;
  Mixer mixer;
};

void measure(const Row& row, int context, int batch, double bandwidth, const std::shared_ptr<Device>& device) {
  const int decoded = row.model->weights().weightBytes > (100 << 20) ? 40 : 200;
  if (row.model->shape().positions > 0 && context + decoded > row.model->shape().positions) return;
  Workload workload;
  workload.batch = batch;
  workload.capacityTokens = context + decoded;
  workload.mode.mixer = row.mixer;
  Session session(row.model, workload, device);
  std::vector<Token> ids;
  for (int b = 0; b < batch; ++b) {
    const auto one = prompt(context, row.model->vocabularySize());
    ids.insert(ids.end(), one.begin(), one.end());
  }
  std::vector<double> prefills, seconds;
  const int warm = context > 4000 ? 0 : 1;  // the first touches of its memory, as peers leave them out, too
  for (int repeat = 0; repeat < (warm ? 4 : 1); ++repeat) {
    session.prefill(ids);
    if (repeat >= warm) prefills.push_back(session.timings().prefillSeconds);
    session.decode(decoded);
    const auto& steps = session.timings().tokenSeconds;
    seconds.insert(seconds.end(), steps.begin() + decoded / 10, steps.end());
  }
  Workload middle = workload;
  middle.capacityTokens = 2 * (context + decoded / 2);  // the footprint speaks of half the capacity
  const Footprint cost = footprint(row.model->shape(), middle, device->threads());
  const double bytes = static_cast<double>(cost.weightBytes) + cost.movedBytesPerToken * batch;
  const double step = median(seconds);
  std::sort(seconds.begin(), seconds.end());
  const MemoryUse memory = session.memory();
  std::printf("%-22s %8d %6d %11.0f %9.1f %9.1f %10.1f %9.1f %7.2f %10.2f %9.1f\n", row.mode.c_str(), context, batch,
              batch / step, step * 1e6, seconds[seconds.size() * 99 / 100] * 1e6, bytes / bandwidth * 1e6,
              bytes / step * 1e-9, bytes / step / bandwidth,
              static_cast<double>(memory.stateBytes + memory.cacheBytes) / batch / (1 << 20),
              1e3 * median(prefills) / batch);
  std::fflush(stdout);
}

void addModes(std::vector<Row>& rows, const std::shared_ptr<const Model>& distilled, int order) {
  const std::string name = "order " + std::to_string(order);
  rows.push_back({name + ", modal", distilled, Mixer::modal});
  rows.push_back({name + ", blocked 16", distilled, Mixer::modalBlocked});
  rows.push_back({name + ", companion", distilled, Mixer::companion});
}

std::vector<Row> convolutions(const std::shared_ptr<const Model>& original) {
  std::vector<Row> rows{{"original, convolution", original, Mixer::convolutionLazy}};
  if (original->shape().headWidth == 1) rows.push_back({"original, tiled", original, Mixer::convolutionTiled});
  return rows;
}

std::vector<Row> checkpointRows(const std::string& path) {
  const auto checkpoint = analysis::Checkpoint::open(path);
  const auto original = Model::load(checkpoint);
  std::vector<Row> rows = convolutions(original);
  for (const int order : {8, 16}) {
    analysis::DistilRequest request;
    request.order = order;
    addModes(rows, original->withDistilled(analysis::distil(*checkpoint, request)), order);
  }
  return rows;
}

std::vector<Row> randomRows(const std::string& size, WeightType type) {
  const RandomModel model = randomModel(size, 32, 1, 0, type);
  std::vector<Row> rows = convolutions(model.original);
  addModes(rows, model.distilled, 32);
  rows.push_back({"Transformer", randomTransformer(size, 1, 0, type), Mixer::attention});
  return rows;
}

struct Options {
  std::vector<std::string> files;
  std::vector<int> contexts{512, 2048, 8192}, batches{1, 16};
  std::string modes;
  WeightType weights = WeightType::float32;
};

std::vector<int> numbers(const std::string& list) {
  std::vector<int> values;
  for (std::size_t at = 0; at < list.size(); at = std::min(list.find(',', at), list.size() - 1) + 1)
    values.push_back(std::stoi(list.substr(at)));
  return values;
}

Options parsed(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    const auto value = argument.substr(argument.find('=') + 1);
    if (argument.starts_with("contexts="))
      options.contexts = numbers(value);
    else if (argument.starts_with("batches="))
      options.batches = numbers(value);
    else if (argument.starts_with("modes="))
      options.modes = value;
    else if (argument == "weights=bfloat16")
      options.weights = WeightType::bfloat16;
    else
      options.files.push_back(argument);
  }
  return options;
}

// From the wish to stop until every lane has ended, while a long prompt is read and while tokens are made.
void measureCancel(const Row& row) {
  for (const bool reading : {true, false}) {
    std::vector<double> seconds;
    for (int repeat = 0; repeat < 5; ++repeat) {
      LaneRequest lane;
      lane.name = row.mode;
      lane.model = row.model;
      lane.prompt = prompt(reading ? 2000 : 16, row.model->vocabularySize());
      lane.tokens = 100000;
      lane.workload.capacityTokens = 2048;
      lane.workload.mode.mixer = row.mixer;
      Generation generation({lane});
      std::this_thread::sleep_for(std::chrono::milliseconds(60 + 37 * repeat));
      const auto start = Clock::now();
      generation.cancel();
      while (!generation.finished()) std::this_thread::sleep_for(std::chrono::microseconds(50));
      seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
    std::printf("%-22s cancelled while %s: median %.1f ms, longest %.1f ms\n", row.mode.c_str(),
                reading ? "reading a prompt" : "decoding", 1e3 * median(seconds),
                1e3 * *std::max_element(seconds.begin(), seconds.end()));
  }
}

}  // namespace

int main(int count, char** arguments) try {
  const Options options = parsed(count, arguments);
  const std::string what =
      options.files.empty() ? POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt" : options.files.front();
  const bool random = std::any_of(presets().begin(), presets().end(), [&](const Preset& p) { return p.name == what; });
  std::vector<Row> rows = random ? randomRows(what, options.weights) : checkpointRows(what);
  if (options.files.size() > 1)
    rows.push_back({"Transformer", Model::load(analysis::Checkpoint::open(options.files[1]), {}, options.weights),
                    Mixer::attention});
  std::erase_if(rows, [&](const Row& row) { return row.mode.find(options.modes) == std::string::npos; });

  const auto device = Device::open();
  const double bandwidth = copyBandwidth();
  std::printf("%d threads, copy bandwidth %.1f GB/s (read + write), greedy, sampling included, tokenising excluded\n",
              device->threads(), bandwidth * 1e-9);
  std::printf("copies of 0.1, 1 and 10 ms, 99th percentile over median: %.2f, %.2f, %.2f\n", unevenness(1e-4, bandwidth),
              unevenness(1e-3, bandwidth), unevenness(1e-2, bandwidth));
  std::printf("%-22s %8s %6s %11s %9s %9s %10s %9s %7s %10s %9s\n", "mode", "context", "batch", "tokens/s", "step us",
              "p99 us", "model us*", "GB/s", "share", "MiB/seq", "prefill ms");
  for (const int batch : options.batches)
    for (const int context : options.contexts)
      for (const Row& row : rows)
        if (batch == 1 || context <= 2048) measure(row, context, batch, bandwidth, device);
  std::printf(
      "* modelled: bytes of weights and mixers over the copy bandwidth. Weights that fit the caches beat it.\n");
  for (const Row& row : rows) measureCancel(row);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
