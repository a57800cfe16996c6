// Measured points under the roofs of the same run: operations per second over operations per byte (Williams, Waterman
// and Patterson 2009).
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/benchmark.h"

namespace commandline {

struct Roofs {
  double bytesPerSecond = 0;  // a copy, read and written
  double flopsPerSecond = 0;  // a GPU: a bfloat16 product; the CPU: float32 multiply-adds of all cores
};
// The CPU's operations are measured here, in 0.2 s.
Roofs roofsOf(const engine::Device&, const engine::Calibration&);

struct RooflinePlace {
  std::string name;
  engine::Mixer mixer = engine::Mixer::convolutionLazy;
  double flopsPerByte = 0, flopsPerSecond = 0;  // of a median step, all sequences: what the cost model counts
  double attainable(const Roofs&) const;        // min(peak, bandwidth x intensity), operations per second
};
RooflinePlace placeOf(const engine::BenchmarkRequest&, const engine::BenchmarkResult&);
nlohmann::ordered_json toJson(const RooflinePlace&, const Roofs&);

// A figure of 960 x 600 by the suffix: .png, .svg or .pdf. Throws analysis::Error(output).
void drawRoofline(const std::filesystem::path& target, const std::string& device, const Roofs&,
                  const std::vector<RooflinePlace>&, const std::string& provenance);

}  // namespace commandline
