#include "engine/benchmark.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "engine/error.h"

namespace engine {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Linear between ranks.
double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double rank = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (rank - static_cast<double>(below)) * (values[above] - values[below]);
}

Spread spreadOf(std::vector<double> samples) {
  Spread spread;
  spread.median = quantile(samples, 0.5);
  spread.least = *std::min_element(samples.begin(), samples.end());
  spread.most = *std::max_element(samples.begin(), samples.end());
  spread.samples = std::move(samples);
  return spread;
}

Workload workloadOf(const BenchmarkRequest& request) {
  Workload workload = request.workload;
  workload.capacityTokens = request.promptTokens + request.newTokens;
  return workload;
}

}  // namespace

std::vector<Token> randomPrompts(int batch, int tokens, int vocabulary, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<Token> id(0, vocabulary - 1);
  std::vector<Token> ids(static_cast<std::size_t>(batch) * static_cast<std::size_t>(tokens));
  for (Token& token : ids) token = id(random);
  return ids;
}

BenchmarkResult measure(const BenchmarkRequest& request, std::stop_token stop) {
  if (request.promptTokens < 1 || request.newTokens < 1 || request.repeats < 1)
    throw Error(ErrorKind::input, "benchmark", "a prompt, tokens to generate and repeats are needed",
                "use 1 or more of each");
  const Workload workload = workloadOf(request);
  const auto prompts =
      randomPrompts(workload.batch, request.promptTokens, request.model->vocabularySize(), workload.seed);
  const Shape& shape = request.model->shape();
  const Footprint predicted = request.device->predict(shape, workload);

  BenchmarkResult result;
  const auto setup = Clock::now();
  // The first session of a model brings its weights along: they are not the session's.
  Workload one = workload;
  one.batch = 1;
  auto weights = std::make_unique<Session>(request.model, one, request.device);
  const std::size_t free = request.device->freeBytes();
  Session session(request.model, workload, request.device);
  const std::size_t left = request.device->freeBytes();
  result.deviceDeltaBytes = free > left ? free - left : 0;
  weights.reset();
  result.memory = session.memory();
  result.predictedBytes = predicted.sessionBytes(workload.batch) + predicted.tableBytes;
  const auto generate = [&] {
    return session.prefill(prompts, stop) == Outcome::finished &&
           session.decode(request.newTokens, nullptr, stop) == Outcome::finished;
  };
  std::vector<double> decode, total, prefill, first, steps;
  const double tokens = static_cast<double>(workload.batch) * request.newTokens;
  bool going = generate();
  result.setupSeconds = secondsSince(setup);
  const auto start = Clock::now();
  while (going && static_cast<int>(decode.size()) < request.mostRepeats &&
         (static_cast<int>(decode.size()) < request.repeats || secondsSince(start) < request.seconds)) {
    const auto began = Clock::now();
    going = generate();
    if (!going) break;
    const double whole = secondsSince(began), before = session.timings().prefillSeconds;
    const auto& each = session.timings().tokenSeconds;
    decode.push_back(tokens / (whole - before));
    total.push_back(tokens / whole);
    prefill.push_back(before);
    first.push_back(before + each.front());
    steps.insert(steps.end(), each.begin(), each.end());
  }
  if (decode.empty())
    throw Error(ErrorKind::input, "benchmark", "it was stopped before the first repeat", "let it run longer");
  result.decodeTokensPerSecond = spreadOf(std::move(decode));
  result.totalTokensPerSecond = spreadOf(std::move(total));
  result.prefillSeconds = quantile(prefill, 0.5);
  result.firstTokenSeconds = quantile(first, 0.5);
  result.p50 = quantile(steps, 0.5);
  result.p90 = quantile(steps, 0.9);
  result.p99 = quantile(steps, 0.99);
  result.longest = quantile(steps, 1);
  // A step looks positions and an untied embedding up; it reads everything else.
  const double bytesPerWeight = static_cast<double>(predicted.weightBytes) /
                                static_cast<double>(footprint(shape, workload, 1).weightBytes);
  const double looked = static_cast<double>(shape.positions) * shape.width +
                        (shape.tiedHead ? 0.0 : static_cast<double>(shape.vocabulary) * shape.width);
  result.weightBytesPerStep = static_cast<double>(predicted.weightBytes) - 4 * bytesPerWeight * looked;
  result.streamedBytesPerStep = result.weightBytesPerStep + predicted.movedBytesPerToken * workload.batch;
  return result;
}

BatchLimit batchLimit(const BenchmarkRequest& request, int most, std::stop_token stop) {
  Workload workload = workloadOf(request);
  workload.batch = 1;
  const Session weights(request.model, workload, request.device);  // so that they are there already
  const std::size_t free = request.device->freeBytes();
  const auto fits = [&](int batch) {
    workload.batch = batch;
    const Footprint needs = request.device->predict(request.model->shape(), workload);
    return needs.sessionBytes(batch) + needs.tableBytes <= free;
  };
  const auto works = [&](int batch) {
    workload.batch = batch;
    try {
      const Session trial(request.model, workload, request.device);
      return true;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::memory) throw;
      return false;
    }
  };
  // The largest batch in [1, most] for which `good` holds, from a guess.
  const auto largest = [&](int guess, auto&& good) {
    int low = 0, high = most + 1;
    for (int batch = std::clamp(guess, 1, most); high - low > 1 && !stop.stop_requested();) {
      (good(batch) ? low : high) = batch;
      batch = high > most && low > 0 ? std::min(2 * low, most) : (low + high) / 2;
      if (low >= most) break;
    }
    return low;
  };
  BatchLimit limit;
  limit.predicted = largest(1, fits);
  // Close to the prediction: one check on either side nearly always ends it.
  int low = 0;
  if (limit.predicted > 0 && works(limit.predicted)) {
    low = limit.predicted;
    while (low < most && !stop.stop_requested() && works(low + std::max(1, low / 100))) low += std::max(1, low / 100);
    limit.found = low;
  } else {
    limit.found = largest(std::max(1, limit.predicted), works);
  }
  return limit;
}

}  // namespace engine
