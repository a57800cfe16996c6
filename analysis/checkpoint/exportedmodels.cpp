// Our own exports of distilled models, opened as banks: the impulse responses of the state-space models in the file.
#include <array>
#include <cmath>
#include <complex>

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

std::vector<Table> tablesOf(const Survey& survey) {
  std::vector<Table> tables;
  for (const auto& [key, info] : survey.keys()) {
    if (key.ends_with(".poles")) {
      const std::string path = key.substr(0, key.size() - 6);
      tables.push_back({path, path + "."});
    } else if (key.starts_with("models/") && key.ends_with("/poles")) {
      tables.push_back({key.substr(7, key.size() - 13), key.substr(0, key.size() - 5)});
    }
  }
  return tables;
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
    const int channels = survey.size(prefix + "poles", 0), modes = survey.size(prefix + "poles", 1);
    bool usable = survey.expect(prefix + "poles", {-1, -1, 2});
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
