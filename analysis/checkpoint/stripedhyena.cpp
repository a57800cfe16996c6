// StripedHyena and Evo 1 (togethercomputer/stripedhyena, evo-design/evo), StripedHyena 2 and Evo 2 (Zymrael/vortex,
// ArcInstitute/evo2): filters stored as poles and residues, or as taps, between blocks of attention.
#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/checkpoint/families.h"
#include "analysis/checkpoint/languageframe.h"
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
  const int width = survey.size({{prefix + "poles", 0}, {prefix + "residues", 0}, {prefix + "D", 0}});
  const int modes = survey.size({{prefix + "poles", 1}, {prefix + "residues", 1}});
  bool usable = survey.expect(prefix + "poles", {width, modes, 1, 2});
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
  const int width = survey.size({{prefix + "log_poles", 0}, {prefix + "residues", 0}, {prefix + "D", 0}});
  const int modes = survey.size({{prefix + "log_poles", 1}, {prefix + "residues", 1}});
  bool usable = survey.expect(prefix + "log_poles", {width, modes, 1});
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
// a channel; without one they are used by a cross-correlation, so in reverse, and a filter is a group. The public code
// decides by the length; where the two disagree, the skip is missing.
void addTaps(Survey& survey, int block) {
  constexpr int shortestTransformed = 128;
  const std::string prefix = filterPrefix(block);
  const int groups = survey.size(prefix + "h", 0), taps = survey.size(prefix + "h", 2);
  const bool transformed = survey.has(prefix + "D") || taps >= shortestTransformed;
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

enum class Kind { complexModes, realModes, taps, attention, lacking };

// By any tensor that a kind has alone, so that a missing one can be named.
Kind kindOf(const Survey& survey, int block) {
  const std::string prefix = filterPrefix(block);
  const TensorInfo* residues = survey.find(prefix + "residues");
  if (survey.has(prefix + "poles") || (residues != nullptr && residues->shape.size() == 4)) return Kind::complexModes;
  if (survey.has(prefix + "log_poles") || residues != nullptr) return Kind::realModes;
  if (survey.has(prefix + "h")) return Kind::taps;
  return survey.hasBelow("blocks." + std::to_string(block) + ".inner_mha_cls.") ? Kind::attention : Kind::lacking;
}

// The other tensors of these models, so that only foreign ones are called unknown.
void allowFrame(Survey& survey, int blocks) {
  for (const char* key : {"embedding_layer.weight", "unembed.weight", "norm.scale"}) survey.allow(key);
  for (int block = 0; block < blocks; ++block) {
    const std::string prefix = "blocks." + std::to_string(block) + ".";
    for (const char* name :
         {"pre_norm.scale", "post_norm.scale", "projections.weight", "projections.bias", "filter.short_filter_weight",
          "filter.short_filter_bias", "out_filter_dense.weight", "out_filter_dense.bias", "mlp.l1.weight",
          "mlp.l2.weight", "mlp.l3.weight", "inner_mha_cls.Wqkv.weight", "inner_mha_cls.Wqkv.bias",
          "inner_mha_cls.out_proj.weight", "inner_mha_cls.out_proj.bias"}) {
      survey.allow(prefix + name);
    }
    survey.harmless(prefix + "inner_mha_cls.rotary_emb.inv_freq", "it follows from the rotary base");
  }
  for (const auto& [key, info] : survey.keys()) {
    if (key.ends_with("_extra_state")) survey.harmless(key, "a trainer's state");
    if (key.ends_with("mixer.mixer.filter.t")) survey.harmless(key, "a grid of times");
  }
}

bool readStripedHyena(Survey& survey) {
  const int blocks = survey.countLayers("blocks.");
  std::vector<Kind> kinds;
  kinds.reserve(static_cast<std::size_t>(blocks));
  for (int block = 0; block < blocks; ++block) kinds.push_back(kindOf(survey, block));
  const auto uses = [&](Kind kind) { return std::find(kinds.begin(), kinds.end(), kind) != kinds.end(); };
  const bool others = uses(Kind::realModes) || uses(Kind::taps);
  if (!uses(Kind::complexModes) && !others) return false;
  survey.recognise(families[others ? 1 : 0],
                   others ? "blocks.*.filter.log_poles or .h" : "blocks.*.filter.poles and .residues");
  survey.fromShape("blocks", blocks, {"num_layers"});
  std::vector<bool> attention;
  attention.reserve(kinds.size());
  for (const Kind kind : kinds) attention.push_back(kind == Kind::attention);
  noteAttention(survey, attention);
  const int length = evaluatedLength(survey, {"max_seqlen"});
  std::vector<std::vector<int>> banks(static_cast<std::size_t>(blocks));
  for (int block = 0; block < blocks; ++block) {
    const int before = survey.bankCount();
    switch (kinds[static_cast<std::size_t>(block)]) {
      case Kind::complexModes:
        addComplexModes(survey, block, length);
        break;
      case Kind::realModes:
        addRealModes(survey, block, length);
        break;
      case Kind::taps:
        addTaps(survey, block);
        break;
      case Kind::lacking:
        survey.report.missing.push_back(filterPrefix(block) + (others ? "h" : "poles") +
                                        ": needed, not in the file; nor is any other kind of filter");
        survey.allow(filterPrefix(block) + "D");
        break;
      case Kind::attention:
        break;
    }
    for (int bank = before; bank < survey.bankCount(); ++bank) banks[static_cast<std::size_t>(block)].push_back(bank);
  }
  surveyStripedLanguage(survey, banks, others, length);
  allowFrame(survey, blocks);
  return true;
}

}  // namespace

const FamilyReader stripedHyenaReader{readStripedHyena, families};

}  // namespace analysis
