// How fast a model generates here and now: whole generations, repeated, with everything that was kept out of the clock
// named. Random prompts, no tokenizer, end-of-text ignored, sampling on the device included.
#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "engine/session.h"

namespace engine {

struct BenchmarkRequest {
  std::shared_ptr<const Model> model;
  std::shared_ptr<Device> device;
  Workload workload;  // capacityTokens is set to promptTokens + newTokens
  int promptTokens = 512, newTokens = 256;
  int repeats = 5;        // at least
  double seconds = 3;     // at least, unless this many repeats were reached
  int mostRepeats = 100;
};

struct Spread {
  double median = 0, least = 0, most = 0;
  std::vector<double> samples;
};

struct BenchmarkResult {
  Spread decodeTokensPerSecond;  // all sequences; prefill left out
  Spread totalTokensPerSecond;   // generated tokens over prefill and decoding
  double prefillSeconds = 0;     // median
  double firstTokenSeconds = 0;  // median: prefill and the first step
  double p50 = 0, p90 = 0, p99 = 0, longest = 0;  // seconds per step, over all repeats
  double setupSeconds = 0;                        // allocating, tuning, capturing and one whole warm-up: not counted
  MemoryUse memory;
  std::size_t predictedBytes = 0, deviceDeltaBytes = 0;  // of the session (weights apart); free memory before - after
  double streamedBytesPerStep = 0;                        // weights read once, and what the mixers move for all sequences
  double weightBytesPerStep = 0;
};

// One warm-up generation, then the repeats. Throws Error as Session does; a stop ends it early with what there is, or
// with Error(input) before the first repeat.
BenchmarkResult measure(const BenchmarkRequest&, std::stop_token = {});

struct BatchLimit {
  int predicted = 0;  // the largest batch whose plan fits the free memory
  int found = 0;      // the largest that a session could be made for
};

// Doubles, then bisects around the prediction by making sessions; nothing is generated. Batches up to `most`.
BatchLimit batchLimit(const BenchmarkRequest&, int most = 16384, std::stop_token = {});

// Random ids, the same for the same seed.
std::vector<Token> randomPrompts(int batch, int tokens, int vocabulary, std::uint64_t seed);

}  // namespace engine
