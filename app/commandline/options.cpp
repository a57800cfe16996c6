#include "app/commandline/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>

#include "app/commandline/table.h"
#include "app/commandline/verb.h"

namespace commandline {
namespace {

using engine::Mixer;
constexpr std::array mixers{Mixer::convolutionLazy, Mixer::convolutionTiled, Mixer::modal,
                            Mixer::modalBlocked,    Mixer::companion,        Mixer::attention};
constexpr std::array prefills{engine::Prefill::automatic, engine::Prefill::fft,          engine::Prefill::toeplitz,
                              engine::Prefill::scan,      engine::Prefill::chunkedModal, engine::Prefill::stateFree};

std::string joined(const std::vector<std::string>& words, const std::string& last) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == words.size() ? last : ", ") + words[i];
  }
  return text;
}

// NaN for what is no finite number; NaN passes no comparison.
double finite(const std::string& text) {
  double value = NAN;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc() && end == text.data() + text.size() && std::isfinite(value) ? value : NAN;
}

bool isTransformer(const engine::Model& model) {
  const auto& blocks = model.shape().blocks;
  return std::all_of(blocks.begin(), blocks.end(),
                     [](const auto& block) { return block.kind == engine::BlockShape::Kind::attention; });
}

}  // namespace

CLI::Validator extension(std::vector<std::string> allowed) {
  const std::string expected = joined(allowed, " or ");
  return CLI::Validator(
      [allowed = std::move(allowed), expected](std::string& text) -> std::string {
        const std::string end = std::filesystem::path(text).extension().string();
        if (std::find(allowed.begin(), allowed.end(), end) != allowed.end()) return {};
        return "the name '" + text + "' must end in " + expected;
      },
      "");
}

CLI::Validator whole(std::int64_t low, std::int64_t high) {
  return CLI::Validator(
      [low, high](std::string& text) -> std::string {
        std::int64_t value = 0;
        const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (failed == std::errc() && end == text.data() + text.size() && value >= low && value <= high) return {};
        return "'" + text + "' is not a whole number from " + count(low) + " to " + count(high);
      },
      "");
}

CLI::Validator from(double low, double high) {
  return CLI::Validator(
      [low, high](std::string& text) -> std::string {
        const double value = finite(text);
        if (value >= low && value <= high) return {};
        return "'" + text + "' is not a number from " + number(low) + " to " + number(high);
      },
      "");
}

CLI::Validator above(double low, double high) {
  return CLI::Validator(
      [low, high](std::string& text) -> std::string {
        const double value = finite(text);
        if (value > low && value <= high) return {};
        return "'" + text + "' is not a number above " + number(low) + " and at most " + number(high);
      },
      "");
}

void addSampling(CLI::App& verb, engine::Workload& workload) {
  verb.add_option("--temperature", workload.sampling.temperature, "0: always the most likely token")
      ->type_name("T")
      ->check(from(0, 100))
      ->capture_default_str();
  verb.add_option("--top-k", workload.sampling.topK, "Draw from the k most likely tokens; 0: from all")
      ->type_name("K")
      ->check(whole(0, 1 << 24))
      ->capture_default_str();
  verb.add_option("--top-p", workload.sampling.topP, "Draw from the fewest tokens that hold this probability")
      ->type_name("P")
      ->check(above(0, 1))
      ->capture_default_str();
  verb.add_option("--seed", workload.seed, "Key of the noise; the same in every mode")
      ->type_name("N")
      ->check(whole(0, std::numeric_limits<std::int64_t>::max()))
      ->capture_default_str();
}

std::vector<std::string> mixerNames() {
  std::vector<std::string> names{"auto"};
  for (const Mixer mixer : mixers) names.push_back(modeName(mixer));
  return names;
}

std::string modeName(Mixer mixer) {
  std::string word(engine::name(mixer));
  std::replace(word.begin(), word.end(), ' ', '-');
  return word;
}

std::vector<std::string> prefillNames() {
  std::vector<std::string> names;
  names.reserve(std::size(prefills));
  for (const engine::Prefill way : prefills) names.push_back(prefillName(way));
  return names;
}

std::string prefillName(engine::Prefill way) {
  if (way == engine::Prefill::automatic) return "auto";
  std::string word(engine::name(way));
  std::replace(word.begin(), word.end(), ' ', '-');
  return word;
}

engine::Prefill prefillOf(const std::string& name) {
  const auto found = std::find_if(std::begin(prefills), std::end(prefills),
                                  [&](engine::Prefill way) { return prefillName(way) == name; });
  if (found == std::end(prefills)) throw UsageError("--prefill " + name + ": it is not a way to read a prompt.");
  return *found;
}

bool runsOn(const std::string& device, const engine::Model& model, Mixer mixer) {
  return device == "cpu" || mixer != Mixer::convolutionTiled || model.shape().headWidth == 1;
}

std::vector<Mixer> mixersOf(const engine::Model& model) {
  if (isTransformer(model)) return {Mixer::attention};
  std::vector<Mixer> possible{Mixer::convolutionLazy, Mixer::convolutionTiled};
  if (model.distilled()) possible.insert(possible.end(), {Mixer::companion, Mixer::modalBlocked, Mixer::modal});
  return possible;
}

Mixer mixerOf(const std::string& name, const engine::Model& model) {
  const auto possible = mixersOf(model);
  if (name == "auto") return model.distilled() ? possible.back() : possible.front();
  std::vector<std::string> names;
  for (const Mixer mixer : possible) {
    names.push_back(modeName(mixer));
    if (names.back() == name) return mixer;
  }
  throw UsageError("--mode " + name + ": this model runs as " + joined(names, " or ") +
                   (name.starts_with("modal") ? "; name its distilled filters with --distilled." : "."));
}

}  // namespace commandline
