// Banks of filters without a model around them: arrays of taps, our own HDF5 layout and reference files.
#include <algorithm>
#include <array>
#include <map>

#include "analysis/checkpoint/families.h"
#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

constexpr std::array families{KnownFamily{"Filter bank", "filters.<path>, or any real array [n, L >= 16], none named .weight or .bias", true, false,
                                          "also .npy, .npz and .h5"}};

constexpr std::int64_t shortestFilter = 16;

// A tensor of taps as rows and columns, one of which is time.
struct Taps {
  std::int64_t channels = 1, length = 0;
  bool timeLast = true;
};

// 1-D: one filter. 2-D: the longer axis is time unless told otherwise; a singleton third dimension is dropped.
std::optional<Taps> tapsOf(const TensorInfo& info, const std::string& timeAxis) {
  std::vector<std::int64_t> shape = info.shape;
  if (shape.size() == 3) {
    const auto single = std::find(shape.begin(), shape.end(), 1);
    if (single == shape.end()) return std::nullopt;
    shape.erase(single);
  }
  if (info.type == DataType::unsupported || shape.empty() || shape.size() > 2) return std::nullopt;
  if (shape.size() == 1) return Taps{1, shape[0], true};
  const bool last = timeAxis == "last" || (timeAxis == "longer" && shape[1] >= shape[0]);
  return last ? Taps{shape[0], shape[1], true} : Taps{shape[1], shape[0], false};
}

// Taps of an array, and skips that may have to be taken out of the first taps.
class ArraySource final : public FilterSource {
 public:
  ArraySource(std::shared_ptr<const TensorFile> tensors, const TensorInfo& array, const Taps& form,
              const TensorInfo* skipArray, bool subtractSkip)
      : file(std::move(tensors)), info(array), layout(form), skip(skipArray), subtract(subtractSkip) {}

  void evaluate(int firstChannel, std::span<double> taps, std::span<double> skips, const Task& task) const override {
    const auto first = static_cast<std::uint64_t>(firstChannel);
    const auto length = static_cast<std::size_t>(layout.length);
    if (layout.timeLast) {
      file->read(info, first * length, taps);
    } else {
      readTimeFirst(first, taps, skips.size(), task);
    }
    std::fill(skips.begin(), skips.end(), 0.);
    if (skip != nullptr) file->read(*skip, first, skips);
    for (std::size_t c = 0; subtract && c < skips.size(); ++c) taps[c * length] -= skips[c];
  }

 private:
  // Whole rows at a time: one read per value would cost a system call each.
  void readTimeFirst(std::uint64_t first, std::span<double> taps, std::size_t count, const Task& task) const {
    const auto length = static_cast<std::size_t>(layout.length), width = static_cast<std::size_t>(layout.channels);
    const std::size_t rows = std::clamp<std::size_t>((1 << 20) / width, 1, length);
    std::vector<double> block(rows * width);
    for (std::size_t n = 0; n < length; n += rows) {
      task.throwIfStopped();
      const std::size_t here = std::min(rows, length - n);
      file->read(info, n * width, std::span(block).first(here * width));
      for (std::size_t i = 0; i < here; ++i) {
        for (std::size_t c = 0; c < count; ++c) taps[c * length + n + i] = block[i * width + first + c];
      }
    }
  }

  std::shared_ptr<const TensorFile> file;
  const TensorInfo& info;
  Taps layout;
  const TensorInfo* skip;
  bool subtract;
};

// "layers.3.mixer.filter_fn" lies in layer 3.
std::optional<int> layerIn(const std::string& path) {
  for (const char* word : {"layers.", "blocks."}) {
    const std::size_t at = path.find(word);
    if (at == std::string::npos) continue;
    std::size_t end = at + 7;
    while (end < path.size() && path[end] >= '0' && path[end] <= '9') ++end;
    if (end > at + 7 && end - at - 7 <= 6) return std::stoi(path.substr(at + 7, end - at - 7));
  }
  return std::nullopt;
}

struct Found {
  std::string path, key, skipKey;
  Taps taps;
  bool includesSkip = false;
};

// Numbers layers by the paths when all tell one, else in order; several banks of a layer are its operators.
void addBanks(Survey& survey, const std::vector<Found>& found) {
  const bool told = std::all_of(found.begin(), found.end(), [](const Found& f) { return layerIn(f.path).has_value(); });
  std::map<int, int> inLayer, next;
  std::vector<int> layers;
  for (const Found& each : found) {
    layers.push_back(told ? *layerIn(each.path) : static_cast<int>(layers.size()));
    ++inLayer[layers.back()];
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Found& each = found[i];
    const std::int64_t most = 1 << 26;
    if (each.taps.length > most || each.taps.channels > most) {
      refuse(survey.file().path().string(), "tensor " + each.key + " is too large for a bank of filters",
             "split it into banks");
    }
    Bank bank;
    bank.path = each.path;
    bank.layer = layers[i];
    bank.operatorIndex = next[bank.layer]++;
    bank.operatorsInLayer = inLayer[bank.layer];
    bank.channels = static_cast<int>(each.taps.channels);
    bank.lengthSamples = static_cast<int>(each.taps.length);
    survey.allow(each.key);
    bool skip = !each.skipKey.empty() && survey.has(each.skipKey);
    if (skip) skip = survey.expect(each.skipKey, {bank.channels});
    if (each.includesSkip && !skip) {
      survey.report.skipped.push_back(each.path + ": its first taps include a skip that is not stored apart");
    }
    survey.addBank(
        bank, std::make_shared<ArraySource>(survey.sharedFile(), *survey.find(each.key), each.taps,
                                            skip ? survey.find(each.skipKey) : nullptr, skip && each.includesSkip));
  }
}

// filters.<path> (our reference files and exports of taps) and filters/<path>/h (our HDF5 layout).
std::vector<Found> namedBanks(Survey& survey) {
  std::vector<Found> found;
  const nlohmann::json& metadata = survey.file().metadata();
  for (const auto& [key, info] : survey.keys()) {
    if (key.starts_with("filters.")) {
      if (const auto taps = tapsOf(*info, "last")) found.push_back({key.substr(8), key, "", *taps, false});
    } else if (key.starts_with("filters/") && key.ends_with("/h")) {
      const std::string group = key.substr(0, key.size() - 2);
      const nlohmann::json::json_pointer flag = nlohmann::json::json_pointer("/groups") / group / "includes_skip";
      const bool included = metadata.contains(flag) && metadata.at(flag) == 1;
      if (const auto taps = tapsOf(*info, "last"))
        found.push_back({group.substr(8), key, group + "/skip", *taps, included});
    }
  }
  return found;
}

bool readGenericBanks(Survey& survey) {
  std::vector<Found> found = namedBanks(survey);
  const bool named = !found.empty();
  // Parameters of modules are no taps, whatever their shapes: a person says which of them are.
  const bool modules = std::any_of(survey.keys().begin(), survey.keys().end(), [](const auto& each) {
    return each.first.ends_with(".weight") || each.first.ends_with(".bias");
  });
  if (!named && modules) return false;
  if (!named) {
    const bool any = std::any_of(survey.keys().begin(), survey.keys().end(), [](const auto& each) {
      const auto taps = tapsOf(*each.second, "longer");
      return taps && taps->length >= shortestFilter;
    });
    if (!any) return false;
    const std::string axis = survey.word("time axis", {}, "longer", {"longer", "last", "first"});
    for (const auto& [key, info] : survey.keys()) {
      const auto taps = tapsOf(*info, axis);
      if (taps && taps->length >= shortestFilter && taps->channels > 0) found.push_back({key, key, "", *taps, false});
    }
    if (found.empty()) {
      refuse(survey.file().path().string(), "has no filter of at least 16 taps along this axis", "choose the other");
    }
  }
  survey.recognise(families[0],
                   named ? "tensors named filters" : "no known family; every real array of at least 16 taps");
  addBanks(survey, found);
  return true;
}

}  // namespace

const FamilyReader genericBankReader{readGenericBanks, families};

}  // namespace analysis
