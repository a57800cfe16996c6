// Our own exports of distilled models, opened as banks: the impulse responses of the state-space models in the file.
#include <array>
#include <cmath>
#include <complex>
#include <map>

#include "analysis/checkpoint/families.h"
#include "analysis/checkpoint/modalsource.h"
#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

constexpr std::array families{
    KnownFamily{"Distilled models", "metadata format = polecat-statespace", true, false, "what distill writes"}};

// Where a bank's tables lie: "<path>.poles" in safetensors, "models/<path>/poles" in HDF5.
struct Table {
  std::string path, prefix;
};

// Either of two tables tells of a bank, so that the other one can be missed.
std::vector<Table> tablesOf(const Survey& survey) {
  std::map<std::string, std::string, NaturalOrder> tables;
  for (const auto& [key, info] : survey.keys()) {
    for (const std::string name : {"poles", "residues"}) {
      if (!key.ends_with(name) || key.size() < name.size() + 2) continue;
      const std::string prefix = key.substr(0, key.size() - name.size());
      if (prefix.ends_with('.')) tables.emplace(prefix.substr(0, prefix.size() - 1), prefix);
      if (prefix.starts_with("models/") && prefix.ends_with('/'))
        tables.emplace(prefix.substr(7, prefix.size() - 8), prefix);
    }
  }
  std::vector<Table> list;
  list.reserve(tables.size());
  for (const auto& [path, prefix] : tables) list.push_back({path, prefix});
  return list;
}

int lengthOf(const Survey& survey) {
  const nlohmann::json& metadata = survey.file().metadata();
  const auto said = metadata.find("length");
  const std::string text = said == metadata.end() ? "" : said->is_string() ? said->get<std::string>() : said->dump();
  const bool digits = !text.empty() && text.size() < 9 && text.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || std::stoi(text) < 1 || std::stoi(text) > (1 << 26)) {
    refuse(survey.file().path().string(), "does not say for how many taps its models were fitted", damagedAdvice);
  }
  return std::stoi(text);
}

// h[0] = f, h[t] = Re sum R lambda^(t-1); a channel of order -1 was left as it was and has no model here.
bool readExportedModels(Survey& survey) {
  const nlohmann::json& metadata = survey.file().metadata();
  if (!metadata.contains("format") || metadata.at("format") != "polecat-statespace") return false;
  const int length = lengthOf(survey);
  survey.recognise(families[0], "format polecat-statespace");
  for (const auto& [path, prefix] : tablesOf(survey)) {
    const int channels = survey.size({{prefix + "poles", 0}, {prefix + "residues", 0}});
    const int modes = survey.size({{prefix + "poles", 1}, {prefix + "residues", 1}});
    bool usable = survey.expect(prefix + "poles", {channels, modes, 2});
    usable = survey.expect(prefix + "residues", {channels, modes, 2}) && usable;
    usable = survey.expect(prefix + "feedthrough", {channels}) && usable;
    usable = survey.expect(prefix + "skip", {channels}) && usable;
    usable = survey.expect(prefix + "order", {channels}) && usable;
    for (const char* other : {"error", "certificate", "error_linf", "log_poles"}) survey.allow(prefix + other);
    if (!usable) continue;
    Bank bank;
    bank.path = path;
    bank.layer = survey.bankCount();
    bank.channels = channels;
    bank.lengthSamples = length;
    survey.addBank(
        bank, tapsSource(length, [file = survey.sharedFile(), poles = survey.find(prefix + "poles"),
                                  residues = survey.find(prefix + "residues"), f = survey.find(prefix + "feedthrough"),
                                  d = survey.find(prefix + "skip"),
                                  count = static_cast<std::size_t>(modes)](int channel, std::span<double> out) {
          const auto at = static_cast<std::uint64_t>(channel);
          const auto lambda = readComplex(*file, *poles, at * count, count);
          auto terms = readComplex(*file, *residues, at * count, count);
          out[0] = readRange(*file, *f, at, 1).front();
          for (std::size_t t = 1; t < out.size(); ++t) {
            out[t] = 0;
            for (std::size_t n = 0; n < count; ++n) {
              out[t] += terms[n].real();
              terms[n] *= lambda[n];
            }
          }
          return readRange(*file, *d, at, 1).front();
        }));
  }
  return true;
}

}  // namespace

const FamilyReader exportedModelsReader{readExportedModels, families};

}  // namespace analysis
