// The tensors of a file, whatever they mean: names, shapes, types, and what can be said of their values.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "analysis/tensors/tensorfile.h"
#include "analysis/tensors/tensorstatistics.h"

namespace commandline {

struct TensorRow {
  const analysis::TensorInfo* info = nullptr;
  std::optional<analysis::TensorStatistics> statistics;
  std::string problem;  // why there are no statistics, though they were asked for
};

// One row per tensor, by name. With `statistics` every value is read: O(bytes of the file), with progress.
std::vector<TensorRow> tensorRows(const analysis::TensorFile&, bool statistics, std::stop_token);

nlohmann::ordered_json toJson(const std::vector<TensorRow>&);
void print(const std::vector<TensorRow>&, bool statistics);

}  // namespace commandline
