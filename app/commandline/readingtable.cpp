#include "app/commandline/readingtable.h"

#include <cmath>
#include <iostream>

#include "app/commandline/progress.h"
#include "app/commandline/table.h"

namespace commandline {

using nlohmann::ordered_json;

std::vector<FilterReadings> readingsOf(const analysis::Checkpoint& checkpoint, const CheckpointOptions& options,
                                       const std::vector<analysis::FilterId>& ids, const std::string& setting,
                                       std::stop_token stop) {
  std::vector<FilterReadings> all;
  const Progress progress("comparing", double(ids.size()), "filters");
  const analysis::Choices choices = choicesOf(options);
  for (const auto& id : ids) {
    all.push_back(
        {checkpoint.filterName(id), analysis::readings(checkpoint, choices, setting, id, analysis::Task(stop))});
    progress.show(double(all.size()));
  }
  return all;
}

ordered_json toJson(const std::vector<FilterReadings>& all, const std::string& setting) {
  ordered_json list = ordered_json::array();
  for (const FilterReadings& filter : all) {
    for (const analysis::Reading& one : filter.readings) {
      ordered_json row = {
          {"filter", filter.filter}, {"setting", setting}, {"value", one.value}, {"inForce", one.inForce}};
      if (!one.problem.empty()) {
        row["problem"] = one.problem;
      } else {
        row["lengthSamples"] = one.lengthSamples;
        row["zeroTaps"] = one.zeroTaps;
        row["energy"] = one.statistics.energy;
        row["effectiveLengthSamples"] = one.statistics.effectiveLengthSamples;
        row["differenceRelative"] =
            std::isfinite(one.differenceRelative) ? ordered_json(one.differenceRelative) : ordered_json();
        row["skip"] = one.skip;
      }
      list.push_back(std::move(row));
    }
  }
  return list;
}

void print(const std::vector<FilterReadings>& all, const std::string& setting) {
  Table table({"<filter", "<" + setting, "<", "length/samples", "effective/samples", "zero taps", "energy", "difference", "skip"});
  for (const FilterReadings& filter : all) {
    for (const analysis::Reading& one : filter.readings) {
      const std::string note = one.inForce ? "in force" : one.problem.empty() ? "" : "no result";
      if (!one.problem.empty()) {
        table.row({filter.filter, one.value, note, "-", "-", "-", "-", "-", "-"});
        continue;
      }
      table.row({filter.filter, one.value, note, count(one.lengthSamples), count(one.statistics.effectiveLengthSamples),
                 count(one.zeroTaps), number(one.statistics.energy, 4), one.inForce ? "-" : number(one.differenceRelative, 3),
                 number(one.skip, 3)});
    }
  }
  table.print(std::cout);
}

}  // namespace commandline
