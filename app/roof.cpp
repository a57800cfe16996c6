#include "app/roof.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

namespace app {

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The same work on every core; the time of the slowest.
template <class Work>
double onAllCores(unsigned cores, const Work& work) {
  const auto start = Clock::now();
  std::vector<std::jthread> threads;
  for (unsigned core = 1; core < cores; ++core) threads.emplace_back([&work, core] { work(core); });
  work(0);
  threads.clear();  // joins
  return secondsSince(start);
}

constexpr int lanes = 128;  // enough independent sums to keep every multiply-add unit busy

float multiplyAdd(int rounds) {
  std::array<float, lanes> sums{};
  std::iota(sums.begin(), sums.end(), 0.1F);
  for (int round = 0; round < rounds; ++round)
#pragma omp simd
    for (int i = 0; i < lanes; ++i) sums[static_cast<std::size_t>(i)] = sums[static_cast<std::size_t>(i)] * 0.999F + 0.5F;
  return std::accumulate(sums.begin(), sums.end(), 0.0F);
}

}  // namespace

MeasuredRoof measureRoof(const analysis::Task& task) {
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  MeasuredRoof roof;
  std::vector<float> sink(cores);
  constexpr int rounds = 400'000;
  for (int attempt = 0; attempt < 4; ++attempt) {
    task.throwIfStopped();
    const double seconds = onAllCores(cores, [&](unsigned core) { sink[core] = multiplyAdd(rounds); });
    roof.flopsPerSecond = std::max(roof.flopsPerSecond, 2.0 * lanes * rounds * cores / seconds);
  }
  const std::vector<float> memory((64u << 20) / sizeof(float), 1.0F);
  const std::size_t share = memory.size() / cores;
  for (int attempt = 0; attempt < 4; ++attempt) {
    task.throwIfStopped();
    const double seconds = onAllCores(cores, [&](unsigned core) {
      std::array<float, 64> sums{};
      const float* values = memory.data() + core * share;
      for (std::size_t at = 0; at + 64 <= share; at += 64)
#pragma omp simd
        for (std::size_t i = 0; i < 64; ++i) sums[i] += values[at + i];
      sink[core] += std::accumulate(sums.begin(), sums.end(), 0.0F);
    });
    roof.bytesPerSecond = std::max(roof.bytesPerSecond, static_cast<double>(share * cores * sizeof(float)) / seconds);
  }
  // The sums are used, so that nothing is left out.
  if (std::accumulate(sink.begin(), sink.end(), 0.0F) == 0) roof = {};
  return roof;
}

}  // namespace app
