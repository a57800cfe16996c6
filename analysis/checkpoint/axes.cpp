#include "analysis/checkpoint/axes.h"

#include <algorithm>
#include <charconv>

#include "analysis/checkpoint/survey.h"
#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

bool isTime(const Axis& axis) {
  return axis.role == Axis::Role::time || axis.role == Axis::Role::reversedTime;
}

}  // namespace

std::vector<Axis> parseAxes(std::string_view text, const std::vector<std::int64_t>& shape, const std::string& subject) {
  const std::string asked = "axes \"" + std::string(text) + "\"";
  const char* advice = "write one of t, r, c or an index for each dimension, as in c,0,t";
  std::vector<Axis> axes;
  for (std::string_view rest = text; !text.empty();) {
    const std::size_t end = rest.find(',');
    const std::string_view word = rest.substr(0, end);
    Axis axis;
    if (word == "t") {
      axis.role = Axis::Role::time;
    } else if (word == "r") {
      axis.role = Axis::Role::reversedTime;
    } else if (word != "c") {
      axis.role = Axis::Role::fixed;
      const char* last = word.data() + word.size();
      const auto parsed = std::from_chars(word.data(), last, axis.index);
      if (word.empty() || parsed.ec != std::errc() || parsed.ptr != last || axis.index < 0) {
        refuse(subject, asked + " have the word \"" + std::string(word) + "\"", advice);
      }
    }
    axes.push_back(axis);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (axes.size() != shape.size()) {
    refuse(subject, asked + " do not fit its shape " + shapeText(shape), advice);
  }
  if (std::count_if(axes.begin(), axes.end(), isTime) != 1) {
    refuse(subject, asked + " do not name exactly one time axis", advice);
  }
  for (std::size_t d = 0; d < axes.size(); ++d) {
    if (axes[d].role == Axis::Role::fixed && axes[d].index >= shape[d]) {
      refuse(subject,
             asked + " name the index " + std::to_string(axes[d].index) + " beyond its shape " + shapeText(shape),
             "choose a smaller one");
    }
  }
  return axes;
}

std::string axesText(std::span<const Axis> axes) {
  std::string text;
  for (const Axis& axis : axes) {
    if (!text.empty()) text += ',';
    text += axis.role == Axis::Role::time           ? "t"
            : axis.role == Axis::Role::reversedTime ? "r"
            : axis.role == Axis::Role::channels     ? "c"
                                                    : std::to_string(axis.index);
  }
  return text;
}

std::vector<Axis> usualAxes(const std::vector<std::int64_t>& shape) {
  if (shape.empty() || std::find(shape.begin(), shape.end(), 0) != shape.end()) return {};
  std::vector<Axis> axes(shape.size());
  std::size_t longest = 0;
  for (std::size_t d = 1; d < shape.size(); ++d) {
    if (shape[d] >= shape[longest]) longest = d;
  }
  axes[longest].role = Axis::Role::time;
  return axes;
}

std::int64_t channelsOf(std::span<const Axis> axes, const std::vector<std::int64_t>& shape) {
  std::int64_t channels = 1;
  for (std::size_t d = 0; d < axes.size(); ++d) {
    if (axes[d].role == Axis::Role::channels) channels *= shape[d];
  }
  return channels;
}

std::int64_t lengthOf(std::span<const Axis> axes, const std::vector<std::int64_t>& shape) {
  const auto time = std::find_if(axes.begin(), axes.end(), isTime);
  return time == axes.end() ? 0 : shape[static_cast<std::size_t>(time - axes.begin())];
}

}  // namespace analysis
