#include "app/commandline/tensortable.h"

#include <cmath>
#include <iostream>

#include "analysis/error.h"
#include "app/commandline/progress.h"
#include "app/commandline/table.h"

namespace commandline {
namespace {

using nlohmann::ordered_json;

std::string shapeOf(const analysis::TensorInfo& info) {
  std::string text = "[";
  for (const std::int64_t size : info.shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

ordered_json finite(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json();
}

}  // namespace

std::vector<TensorRow> tensorRows(const analysis::TensorFile& file, bool statistics, std::stop_token stop) {
  std::vector<TensorRow> rows;
  double elements = 0;
  for (const auto& info : file.tensors()) elements += static_cast<double>(info.elementCount);
  const Progress progress("reading", elements, "elements");
  const analysis::Task task(stop);
  double done = 0;
  for (const auto& info : file.tensors()) {
    TensorRow row{&info, {}, {}};
    if (statistics) {
      try {
        row.statistics = analysis::statisticsOf(file, info, task);
      } catch (const analysis::Error& error) {  // one unreadable tensor must not hide the others
        row.problem = error.what();
      }
      progress.show(done += static_cast<double>(info.elementCount));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

ordered_json toJson(const std::vector<TensorRow>& rows) {
  ordered_json list = ordered_json::array();
  for (const TensorRow& row : rows) {
    ordered_json one = {
        {"name", row.info->name},         {"shape", row.info->shape},           {"type", name(row.info->type)},
        {"storedAs", row.info->typeName}, {"elements", row.info->elementCount}, {"file", row.info->file}};
    if (row.statistics) {
      one["min"] = finite(row.statistics->min);
      one["max"] = finite(row.statistics->max);
      one["mean"] = finite(row.statistics->mean);
      one["rms"] = finite(row.statistics->rms);
      one["nan"] = row.statistics->nanCount;
      one["infinite"] = row.statistics->infiniteCount;
      one["zeros"] = row.statistics->zeroCount;
    }
    if (!row.problem.empty()) one["problem"] = row.problem;
    list.push_back(std::move(one));
  }
  return list;
}

void print(const std::vector<TensorRow>& rows, bool statistics) {
  std::vector<std::string> headers{"<tensor", "<shape", "<type", "elements"};
  if (statistics) headers.insert(headers.end(), {"min", "max", "mean", "rms", "NaN", "infinite"});
  Table table(headers);
  for (const TensorRow& row : rows) {
    const bool known = row.info->type != analysis::DataType::unsupported;
    std::vector<std::string> cells{row.info->name, shapeOf(*row.info),
                                   known ? std::string(name(row.info->type)) : row.info->typeName,
                                   count(std::int64_t(row.info->elementCount))};
    if (statistics && row.statistics) {
      const auto& s = *row.statistics;
      for (const double value : {s.min, s.max, s.mean, s.rms}) cells.push_back(number(value, 4));
      cells.push_back(count(std::int64_t(s.nanCount)));
      cells.push_back(count(std::int64_t(s.infiniteCount)));
    } else if (statistics) {
      cells.insert(cells.end(), 6, "-");
    }
    table.row(std::move(cells));
  }
  table.print(std::cout);
}

}  // namespace commandline
