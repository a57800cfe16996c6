// Measured points under the roofs of the same run: operations per second over operations per byte (Williams, Waterman
// and Patterson 2009).
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/roof.h"
#include "engine/benchmark.h"

namespace commandline {

// Its bytes are those of a copy, read and written. The CPU's operations are measured here, in 0.2 s.
app::MeasuredRoof roofOf(const engine::Device&, const engine::Calibration&);

struct RooflinePlace {
  std::string name;
  engine::Mixer mixer = engine::Mixer::convolutionLazy;
  double flopsPerByte = 0, flopsPerSecond = 0;  // of a median step, all sequences: what the cost model counts
  double attainable(const app::MeasuredRoof&) const;  // min(peak, bandwidth x intensity), operations per second
};
RooflinePlace placeOf(const engine::BenchmarkRequest&, const engine::BenchmarkResult&);
nlohmann::ordered_json toJson(const RooflinePlace&, const app::MeasuredRoof&);

// A figure of 960 x 600 by the suffix: .png, .svg or .pdf. Throws analysis::Error(output).
void drawRoofline(const std::filesystem::path& target, const std::string& device, const app::MeasuredRoof&,
                  const std::vector<RooflinePlace>&, const std::string& provenance);

}  // namespace commandline
