// Any tensor as a bank of filters, because a person says so: the choices "bank" (a tensor's name, with stars) and
// "axes". It comes before every family: whoever asks for a tensor means it.
#include <algorithm>
#include <array>

#include "analysis/checkpoint/axes.h"
#include "analysis/checkpoint/families.h"
#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

constexpr std::array families{KnownFamily{"Chosen tensor", "any tensor, by --bank and --axes", true, false,
                                          "taps along the axis that a person names"}};

// '*' stands for any run of letters. O(pattern x name).
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, after = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++after;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

class AxesSource final : public FilterSource {
 public:
  AxesSource(std::shared_ptr<const TensorFile> tensors, const TensorInfo& array, std::vector<Axis> roles)
      : file(std::move(tensors)), info(array), axes(std::move(roles)) {
    std::uint64_t stride = 1;
    strides.resize(axes.size());
    for (std::size_t d = axes.size(); d-- > 0;) {
      strides[d] = stride;
      stride *= static_cast<std::uint64_t>(info.shape[d]);
      if (axes[d].role == Axis::Role::fixed) start += static_cast<std::uint64_t>(axes[d].index) * strides[d];
      if (axes[d].role == Axis::Role::time || axes[d].role == Axis::Role::reversedTime) time = d;
    }
  }

  void evaluate(int firstChannel, std::span<double> taps, std::span<double> skips, const Task& task) const override {
    std::fill(skips.begin(), skips.end(), 0.);
    const auto length = static_cast<std::size_t>(info.shape[time]);
    // Channels of one slab share everything before the time axis; its rows are read whole, several at once.
    for (std::size_t c = 0; c < skips.size();) {
      const std::uint64_t slab = slabOf(firstElement(static_cast<std::uint64_t>(firstChannel) + c));
      std::vector<std::uint64_t> inside;
      std::uint64_t element = 0;
      while (c + inside.size() < skips.size() &&
             slabOf(element = firstElement(static_cast<std::uint64_t>(firstChannel) + c + inside.size())) == slab) {
        inside.push_back(element % strides[time]);
      }
      readSlab(slab, inside, taps.subspan(c * length, inside.size() * length), task);
      c += inside.size();
    }
    if (axes[time].role != Axis::Role::reversedTime) return;
    for (std::size_t c = 0; c < skips.size(); ++c) {
      const auto one = taps.subspan(c * length, length);
      std::reverse(one.begin(), one.end());
    }
  }

 private:
  // Tap 0 of a channel, in elements of the tensor.
  std::uint64_t firstElement(std::uint64_t channel) const {
    std::uint64_t element = start;
    for (std::size_t d = axes.size(); d-- > 0;) {
      if (axes[d].role != Axis::Role::channels) continue;
      const auto size = static_cast<std::uint64_t>(info.shape[d]);
      element += channel % size * strides[d];
      channel /= size;
    }
    return element;
  }
  std::uint64_t slabOf(std::uint64_t element) const {
    return element / (strides[time] * static_cast<std::uint64_t>(info.shape[time]));
  }

  void readSlab(std::uint64_t slab, const std::vector<std::uint64_t>& inside, std::span<double> taps,
                const Task& task) const {
    const auto length = static_cast<std::size_t>(info.shape[time]), width = static_cast<std::size_t>(strides[time]);
    const std::uint64_t base = slab * length * width;
    if (width == 1) return file->read(info, base, taps);
    const auto [low, high] = std::minmax_element(inside.begin(), inside.end());
    const auto used = static_cast<std::size_t>(*high - *low + 1);
    // From the first wanted value of a row to the last one of the last row.
    const std::size_t rows = std::clamp<std::size_t>((1 << 20) / width, 1, length);
    std::vector<double> block((rows - 1) * width + used);
    for (std::size_t n = 0; n < length; n += rows) {
      task.throwIfStopped();
      const std::size_t here = std::min(rows, length - n);
      file->read(info, base + n * width + *low, std::span(block).first((here - 1) * width + used));
      for (std::size_t c = 0; c < inside.size(); ++c) {
        for (std::size_t i = 0; i < here; ++i) {
          taps[c * length + n + i] = block[i * width + static_cast<std::size_t>(inside[c] - *low)];
        }
      }
    }
  }

  std::shared_ptr<const TensorFile> file;
  const TensorInfo& info;
  std::vector<Axis> axes;
  std::vector<std::uint64_t> strides;
  std::uint64_t start = 0;
  std::size_t time = 0;
};

std::vector<const TensorInfo*> tensorsNamed(const Survey& survey, const std::string& pattern) {
  std::vector<const TensorInfo*> found;
  const std::vector<TensorInfo>& all = survey.file().tensors();
  if (const TensorInfo* exact = survey.file().find(pattern)) return {exact};
  for (const TensorInfo& info : all) {
    if (matches(pattern, info.name)) found.push_back(&info);
  }
  if (found.empty()) {
    refuse(survey.file().path().string(), "has no tensor " + pattern,
           "choose one of its tensors, such as " + (all.empty() ? std::string("none: it is empty") : all[0].name));
  }
  return found;
}

bool readChosenTensors(Survey& survey) {
  const std::string pattern = survey.demand("bank");
  if (pattern.empty()) return false;
  const std::string asked = survey.demand("axes");
  survey.recognise(families[0], "bank = " + pattern);
  const std::vector<const TensorInfo*> tensors = tensorsNamed(survey, pattern);
  std::string roles;
  int layer = 0;
  for (const TensorInfo* info : tensors) {
    const std::string subject = info->file + ", tensor " + info->name;
    if (info->type == DataType::unsupported) {
      refuse(subject, "has the type " + info->typeName + ", whose values cannot be read",
             "convert it to float32 or bfloat16");
    }
    const std::vector<Axis> axes = asked.empty() ? usualAxes(info->shape) : parseAxes(asked, info->shape, subject);
    if (axes.empty() || info->elementCount == 0) refuse(subject, "holds no taps", "choose a tensor with values");
    Bank bank;
    bank.path = info->name;
    bank.layer = layer++;
    const std::int64_t channels = channelsOf(axes, info->shape), length = lengthOf(axes, info->shape);
    if (channels > (1 << 22) || length > (1 << 26)) {
      refuse(subject, "would be " + std::to_string(channels) + " filters of " + std::to_string(length) + " taps",
             "hold an axis at one index");
    }
    bank.channels = static_cast<int>(channels);
    bank.lengthSamples = static_cast<int>(length);
    survey.addBank(bank, std::make_shared<AxesSource>(survey.sharedFile(), *info, axes));
    roles = axesText(axes);
  }
  survey.allowAll();
  survey.report.settings.push_back({"bank", pattern, Origin::choice, "", {}});
  survey.report.settings.push_back({"axes",
                                    roles,
                                    asked.empty() ? Origin::shapes : Origin::choice,
                                    "t time, r reversed, c channels, or an index",
                                    {}});
  return true;
}

}  // namespace

const FamilyReader chosenTensorReader{readChosenTensors, families};

}  // namespace analysis
