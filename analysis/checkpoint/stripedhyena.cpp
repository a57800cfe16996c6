// StripedHyena and Evo 1 (togethercomputer/stripedhyena, evo-design/evo), StripedHyena 2 and Evo 2 (Zymrael/vortex,
// ArcInstitute/evo2): filters stored as poles and residues, or as taps, between blocks of attention.
#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/checkpoint/families.h"
#include "analysis/checkpoint/modalsource.h"
#include "analysis/checkpoint/stripedlanguage.h"

namespace analysis {
namespace {

constexpr std::array families{
    KnownFamily{"StripedHyena (Evo 1)", "blocks.i.filter.poles and .residues", true, true, "modal filters"},
    KnownFamily{"StripedHyena 2 (Evo 2)", "blocks.i.filter.log_poles or .h", true, true,
                "real poles and explicit taps"}};

std::string filterPrefix(int block) {
  return "blocks." + std::to_string(block) + ".filter.";
}

Bank bankOf(int block, int channels, int length) {
  Bank bank;
  bank.path = "blocks." + std::to_string(block) + ".filter";
  bank.layer = block;
  bank.channels = channels;
  bank.lengthSamples = length;
  return bank;
}

double skipOf(const TensorFile& file, const TensorInfo* d, int channel) {
  return d == nullptr ? 0 : readRange(file, *d, static_cast<std::uint64_t>(channel), 1).front();
}

// h[t] = Re sum r p^t with N complex modes per channel; poles, residues [dm, N, 1, 2].
void addComplexModes(Survey& survey, int block, int length) {
  const std::string prefix = filterPrefix(block);
  const int width = survey.size(prefix + "poles", 0), modes = survey.size(prefix + "poles", 1);
  bool usable = survey.expect(prefix + "poles", {-1, -1, 1, 2});
  usable = survey.expect(prefix + "residues", {width, modes, 1, 2}) && usable;
  usable = survey.expect(prefix + "D", {width}) && usable;
  if (!usable) return;
  survey.addBank(bankOf(block, width, length),
                 modalSource(length, [file = survey.sharedFile(), poles = survey.find(prefix + "poles"),
                                      residues = survey.find(prefix + "residues"), d = survey.find(prefix + "D"),
                                      count = static_cast<std::size_t>(modes)](int channel) {
                   const std::uint64_t first = static_cast<std::uint64_t>(channel) * count;
                   return Modes{readComplex(*file, *poles, first, count), readComplex(*file, *residues, first, count),
                                skipOf(*file, d, channel)};
                 }));
}

// h[t] = sum r exp(g t), all real; log_poles [dm, N, 1], residues [dm, N].
void addRealModes(Survey& survey, int block, int length) {
  const std::string prefix = filterPrefix(block);
  const int width = survey.size(prefix + "log_poles", 0), modes = survey.size(prefix + "log_poles", 1);
  bool usable = survey.expect(prefix + "log_poles", {-1, -1, 1});
  usable = survey.expect(prefix + "residues", {width, modes}) && usable;
  usable = survey.expect(prefix + "D", {width}) && usable;
  if (!usable) return;
  survey.addBank(bankOf(block, width, length),
                 modalSource(length, [file = survey.sharedFile(), logs = survey.find(prefix + "log_poles"),
                                      residues = survey.find(prefix + "residues"), d = survey.find(prefix + "D"),
                                      count = static_cast<std::size_t>(modes)](int channel) {
                   Modes out;
                   const std::uint64_t first = static_cast<std::uint64_t>(channel) * count;
                   for (const double g : readRange(*file, *logs, first, count)) out.poles.emplace_back(std::exp(g));
                   for (const double r : readRange(*file, *residues, first, count)) out.coefficients.emplace_back(r);
                   out.skip = skipOf(*file, d, channel);
                   return out;
                 }));
}

// Taps [G, 1, K] shared by groups of channels. With a skip D [dm] they are used by FFT as they stand, and a filter is
// a channel; without one they are used by a cross-correlation, so in reverse, and a filter is a group.
void addTaps(Survey& survey, int block) {
  const std::string prefix = filterPrefix(block);
  const bool transformed = survey.has(prefix + "D");
  const int groups = survey.size(prefix + "h", 0), taps = survey.size(prefix + "h", 2);
  const int channels = transformed ? survey.size(prefix + "D", 0) : groups;
  bool usable = survey.expect(prefix + "h", {-1, 1, -1});
  if (transformed) usable = survey.expect(prefix + "D", {-1}) && usable;
  if (!usable || groups < 1) return;
  if (channels % groups != 0) {
    survey.report.shapeMismatch.push_back(prefix + "h: its groups do not divide the channels of " + prefix + "D");
    return;
  }
  Bank bank = bankOf(block, channels, taps);
  bank.heads = !transformed;
  survey.addBank(
      bank, tapsSource(taps, [file = survey.sharedFile(), h = survey.find(prefix + "h"), d = survey.find(prefix + "D"),
                              perGroup = channels / groups, transformed](int channel, std::span<double> out) {
        file->read(*h, static_cast<std::uint64_t>(channel / perGroup) * out.size(), out);
        if (!transformed) std::reverse(out.begin(), out.end());
        return skipOf(*file, d, channel);
      }));
}

// The other tensors of these models, so that only foreign ones are called unknown.
void allowFrame(Survey& survey) {
  for (const auto& [key, info] : survey.keys()) {
    const bool block = key.starts_with("blocks.") && key.find(".filter.") == std::string::npos;
    const bool shortFilter = key.find(".filter.short_filter_") != std::string::npos;
    const bool harmless = key.ends_with("_extra_state") || key.ends_with("mixer.mixer.filter.t");
    const bool frame = key.starts_with("embedding_layer.") || key.starts_with("unembed.") || key.starts_with("norm.");
    if (block || shortFilter || harmless || frame) survey.allow(key);
  }
}

bool readStripedHyena(Survey& survey) {
  const int blocks = survey.countLayers("blocks.");
  bool complexModes = false, others = false;
  for (int block = 0; block < blocks; ++block) {
    const std::string prefix = filterPrefix(block);
    complexModes = complexModes || survey.has(prefix + "poles");
    others = others || survey.has(prefix + "log_poles") || survey.has(prefix + "h");
  }
  if (!complexModes && !others) return false;
  survey.recognise(families[others ? 1 : 0],
                   others ? "blocks.*.filter.log_poles or .h" : "blocks.*.filter.poles and .residues");
  survey.fromShape("blocks", blocks, {"num_layers"});
  const int length = evaluatedLength(survey, {"max_seqlen"});
  std::vector<std::vector<int>> banks(static_cast<std::size_t>(blocks));
  for (int block = 0; block < blocks; ++block) {
    const std::string prefix = filterPrefix(block);
    const int before = survey.bankCount();
    if (survey.has(prefix + "poles")) addComplexModes(survey, block, length);
    if (survey.has(prefix + "log_poles")) addRealModes(survey, block, length);
    if (survey.has(prefix + "h")) addTaps(survey, block);
    for (int bank = before; bank < survey.bankCount(); ++bank) banks[static_cast<std::size_t>(block)].push_back(bank);
  }
  surveyStripedLanguage(survey, banks, others, length);
  allowFrame(survey);
  return true;
}

}  // namespace

const FamilyReader stripedHyenaReader{readStripedHyena, families};

}  // namespace analysis
