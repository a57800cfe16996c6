// How a tensor is read as filters: which axis is time, which count channels, which are held at one index.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace analysis {

struct Axis {
  enum class Role { time, reversedTime, channels, fixed };
  Role role = Role::channels;
  std::int64_t index = 0;  // fixed: the index it is held at
};

// One word per dimension, separated by commas: "t" time, "r" time reversed (the taps of a Conv1d, which correlates),
// "c" channels, a number: held at this index. "c,0,t" reads [C, 1, L] as C filters of L taps. Throws Error(input)
// naming `subject` unless there is one word per dimension, exactly one time axis, and every index exists.
std::vector<Axis> parseAxes(std::string_view text, const std::vector<std::int64_t>& shape, const std::string& subject);
std::string axesText(std::span<const Axis>);

// The guess when nobody says: the longest axis (the last of equal ones) is time, the others are channels. Empty for a
// scalar and for a tensor without elements.
std::vector<Axis> usualAxes(const std::vector<std::int64_t>& shape);

// Product of the channel axes.
std::int64_t channelsOf(std::span<const Axis>, const std::vector<std::int64_t>& shape);
std::int64_t lengthOf(std::span<const Axis>, const std::vector<std::int64_t>& shape);

}  // namespace analysis
