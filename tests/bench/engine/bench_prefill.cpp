// Every way of reading a prompt, alone: nanoseconds of one thread per channel, measured and as the engine's choice
// models them (engine/cpu/prefill.cpp), and which way that choice takes. 256 channels, random filters and states, no
// model. Usage: bench_prefill [tokens=64,512,...] [orders=4,16,...]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "engine/cpu/chunks.h"
#include "engine/cpu/convolution.h"
#include "engine/cpu/modal.h"
#include "engine/cpu/prefill.h"
#include "engine/cpu/promptconvolution.h"
#include "engine/tables.h"

using namespace engine;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int channels = 256;

// Median nanoseconds of a call, of at least 5 calls and 60 ms.
double nanoseconds(const std::function<void()>& work) {
  work();
  std::vector<double> times;
  double total = 0;
  while (times.size() < 5 || total < 6e7) {
    const auto start = Clock::now();
    work();
    times.push_back(std::chrono::duration<double, std::nano>(Clock::now() - start).count());
    total += times.back();
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

std::vector<int> numbers(const std::string& list) {
  std::vector<int> values;
  for (std::size_t at = 0; at < list.size(); at = std::min(list.find(',', at), list.size() - 1) + 1)
    values.push_back(std::stoi(list.substr(at)));
  return values;
}

FilterBank randomBank(int taps, std::mt19937& random) {
  std::normal_distribution<float> normal;
  Meter meter = 0;
  FilterBank bank;
  bank.channels = channels;
  bank.length = taps;
  bank.reversed = Buffer<float>(static_cast<std::size_t>(channels) * static_cast<std::size_t>(taps), meter);
  bank.skip = Buffer<float>(channels, meter);
  for (std::size_t i = 0; i < bank.reversed.size(); ++i) bank.reversed[i] = normal(random);
  return bank;
}

analysis::DistilledBank randomModels(int order, std::mt19937& random) {
  std::uniform_real_distribution<double> decay(0.001, 0.2), angle(0.01, 3.1);
  analysis::DistilledBank bank;
  bank.filters.resize(channels);
  for (auto& filter : bank.filters) {
    filter.emplace();
    for (int k = 0; k < order / 2; ++k)
      filter->model.modes.push_back({{-decay(random), angle(random)}, {0.1, 0.05}, true});
  }
  return bank;
}

struct Bench {
  std::mt19937 random{1};
  cpu::Team team{1};
  Meter meter = 0;
  std::vector<float> u, y;
  Buffer<float> scratch;

  explicit Bench(int longest)
      : u(static_cast<std::size_t>(longest) * channels),
        y(u.size()),
        scratch(cpu::PromptConvolution::scratchFloats(longest, longest), meter) {
    std::normal_distribution<float> normal;
    for (float& value : u) value = normal(random);
  }
  double perChannel(cpu::LongMemory& memory, int tokens) {
    cpu::Context context{team, scratch, scratch.size(), {}};
    return nanoseconds([&] { memory.prefill(context, 0, 0, tokens, u.data(), y.data()); }) / channels;
  }
  static void print(Mixer mixer, int order, int tokens, Prefill way, double measured, bool chosen) {
    const double modelled = cpu::prefillNanoseconds(way, mixer, order, tokens, tokens);
    std::printf("%-12s %5d %6d %-14s %12.0f %12.0f %8.2f%s\n", name(mixer).data(), order, tokens, name(way).data(),
                measured, modelled, measured / tokens, chosen ? "  chosen" : "");
    std::fflush(stdout);
  }
  void convolutions(int tokens) {
    const FilterBank bank = randomBank(tokens, random);
    for (const Prefill way : {Prefill::fft, Prefill::toeplitz}) {
      if (way == Prefill::toeplitz && tokens > 16384) continue;
      cpu::ConvolutionMemory memory(bank, 1, tokens, meter, way);
      print(Mixer::convolutionLazy, 0, tokens, way, perChannel(memory, tokens),
            way == cpu::convolutionWay(Prefill::automatic, tokens, tokens));
    }
  }
  void recurrences(int order, int tokens) {
    const FilterBank bank = randomBank(16, random);
    const analysis::DistilledBank models = randomModels(order, random);
    const ModalTable table = modalTable(bank, models);
    Shape shape;
    shape.blocks.emplace_back();
    shape.blocks[0].stateFloats = static_cast<long long>(table.stateFloats);
    shape.blocks[0].places = channels;
    for (const bool sections : {false, true})
      for (const Prefill way : prefillWays(Mixer::modal, false)) {
        cpu::ModalMemory memory(table, sections ? sectionCoefficients(table, models) : Buffer<float>(), 1, meter);
        cpu::PromptTables prompts{cpu::chunkTable(table, models, sections, meter), {}};
        if (way == Prefill::stateFree) prompts.responses = impulseResponses(bank, models, tokens, meter);
        if (way != Prefill::scan) memory.readPromptsBy(std::move(prompts));
        Workload workload;
        workload.capacityTokens = tokens;
        workload.mode.mixer = sections ? Mixer::companion : Mixer::modal;
        print(workload.mode.mixer, order, tokens, way, perChannel(memory, tokens),
              way == cpu::recurrenceWay(shape, workload));
      }
  }
};

}  // namespace

int main(int count, char** arguments) {
  std::vector<int> tokens{16, 64, 128, 256, 512, 1024, 2048, 8192}, orders{4, 8, 16, 32, 64};
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    (argument.starts_with("orders=") ? orders : tokens) = numbers(argument.substr(argument.find('=') + 1));
  }
  Bench bench(*std::max_element(tokens.begin(), tokens.end()));
  std::printf("%-12s %5s %6s %-14s %12s %12s %8s\n", "mode", "order", "tokens", "prefill", "ns/channel", "modelled",
              "ns/token");
  for (const int t : tokens) bench.convolutions(t);
  for (const int order : orders)
    for (const int t : tokens)
      if (t == 64 || t == 512 || t == tokens.back()) bench.recurrences(order, t);
  return 0;
}
