// One setting read every way it can be, for the filters asked for.
#pragma once

#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <vector>

#include "analysis/checkpoint/readings.h"
#include "app/commandline/source.h"

namespace commandline {

struct FilterReadings {
  std::string filter;
  std::vector<analysis::Reading> readings;  // what is in force first
};

// Throws Error(input) for a setting without alternatives.
std::vector<FilterReadings> readingsOf(const analysis::Checkpoint&, const CheckpointOptions&,
                                       const std::vector<analysis::FilterId>&, const std::string& setting,
                                       std::stop_token);

nlohmann::ordered_json toJson(const std::vector<FilterReadings>&, const std::string& setting);
void print(const std::vector<FilterReadings>&, const std::string& setting);

}  // namespace commandline
