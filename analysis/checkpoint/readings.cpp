#include "analysis/checkpoint/readings.h"

#include <algorithm>
#include <cmath>

#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

double difference(const std::vector<double>& now, const std::vector<double>& other) {
  double square = 0, norm = 0;
  for (std::size_t t = 0; t < std::max(now.size(), other.size()); ++t) {
    const double a = t < now.size() ? now[t] : 0, b = t < other.size() ? other[t] : 0;
    square += (a - b) * (a - b);
    norm += a * a;
  }
  return std::sqrt(square / norm);
}

int zeros(const std::vector<double>& taps) {
  return static_cast<int>(std::count(taps.begin(), taps.end(), 0.));
}

}  // namespace

std::vector<Reading> readings(const Checkpoint& now, const Choices& inForce, const std::string& setting, FilterId id,
                              const Task& task) {
  const std::vector<Setting>& settings = now.report().settings;
  const auto known =
      std::find_if(settings.begin(), settings.end(), [&](const Setting& s) { return s.name == setting; });
  if (known == settings.end() || known->alternatives.empty()) {
    refuse(now.tensors().path().string(), "leaves no choice of " + setting, "choose a setting with alternatives");
  }
  const auto filter = now.filter(id, task);
  std::vector<Reading> all{
      {known->value, true, statistics(filter->taps), static_cast<int>(filter->taps.size()), zeros(filter->taps), 0,
       filter->skip, ""}};
  for (const std::string& value : known->alternatives) {
    if (value == known->value) continue;
    task.throwIfStopped();
    task.report(static_cast<double>(all.size()) / static_cast<double>(known->alternatives.size() + 1),
                setting + " = " + value);
    Reading reading;
    reading.value = value;
    try {
      Choices choices = inForce;
      choices[setting] = value;
      const auto other = Checkpoint::open(now.tensors().path(), Task(task.stopToken()), choices);
      const auto taps = other->filter(id, Task(task.stopToken()));
      reading.statistics = statistics(taps->taps);
      reading.lengthSamples = static_cast<int>(taps->taps.size());
      reading.zeroTaps = zeros(taps->taps);
      reading.differenceRelative = difference(filter->taps, taps->taps);
      reading.skip = taps->skip;
    } catch (const Error& error) {  // one value that does not fit must not hide the others
      reading.problem = error.what();
    }
    all.push_back(std::move(reading));
  }
  return all;
}

}  // namespace analysis
