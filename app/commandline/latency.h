// How long tokens took.
#pragma once

#include <nlohmann/json.hpp>
#include <span>

#include "engine/session.h"

namespace commandline {

// Of a sorted copy, linear between ranks; NaN without values. share in [0, 1]: 0.5 is the median.
double quantile(std::span<const double> values, double share);

// Tokens per second over all decoded steps and sequences; NaN before the first token.
double tokensPerSecond(const engine::Timings&, int batch);
// Prefill and the first sampled token.
double firstTokenSeconds(const engine::Timings&);

// {"p50", "p90", "p99", "max"} in seconds.
nlohmann::ordered_json latencyJson(const engine::Timings&);
nlohmann::ordered_json memoryJson(const engine::MemoryUse&);

}  // namespace commandline
