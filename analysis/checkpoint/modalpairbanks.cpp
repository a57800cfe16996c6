// Poles and residues on their own, as StripedHyena's distillation script leaves them and `distill` writes them: one
// file of each for every block (togethercomputer/stripedhyena, load_poles_residues).
#include <array>
#include <map>

#include "analysis/checkpoint/families.h"
#include "analysis/checkpoint/modalsource.h"

namespace analysis {
namespace {

constexpr std::array families{KnownFamily{"Poles and residues", "approx_poles_<n> and approx_residues_<n>", true, false,
                                          "a folder of .pt files, one pair a block"}};

constexpr std::string_view polesName = "approx_poles_", residuesName = "approx_residues_";

// [modes, channels], complex: h[t] = Re sum_n r p^t.
bool readModalPairs(Survey& survey) {
  std::map<int, std::string> blocks;
  for (const std::string_view name : {polesName, residuesName}) {
    for (const auto& [key, info] : survey.keys()) {
      const std::string number = key.starts_with(name) ? key.substr(name.size()) : "";
      const bool digits = !number.empty() && number.size() < 7 && number.find_first_not_of("0123456789") == number.npos;
      if (digits && number[0] != '0') blocks[std::stoi(number)] = number;
    }
  }
  if (blocks.empty()) return false;
  survey.recognise(families[0], "approx_poles_" + blocks.begin()->second);
  const int length = evaluatedLength(survey, {"max_seqlen"});
  for (const auto& [block, number] : blocks) {
    const std::string poles = "approx_poles_" + number, residues = "approx_residues_" + number,
                      d = "approx_D_" + number;
    const int modes = survey.size({{poles, 0}, {residues, 0}}), channels = survey.size({{poles, 1}, {residues, 1}});
    bool usable = survey.expect(poles, {modes, channels});
    usable = survey.expect(residues, {modes, channels}) && usable;
    if (survey.has(d)) usable = survey.expect(d, {channels}) && usable;
    if (!usable) continue;
    Bank bank;
    bank.path = "blocks." + std::to_string(block - 1) + ".filter";
    bank.layer = block - 1;
    bank.channels = channels;
    bank.lengthSamples = length;
    survey.addBank(bank,
                   modalSource(length, [file = survey.sharedFile(), p = survey.find(poles), r = survey.find(residues),
                                        skip = survey.find(d), count = static_cast<std::size_t>(modes),
                                        width = static_cast<std::uint64_t>(channels)](int channel) {
                     Modes all;
                     all.poles.resize(count);
                     all.coefficients.resize(count);
                     const auto c = static_cast<std::uint64_t>(channel);
                     for (std::size_t n = 0; n < count; ++n) {
                       file->read(*p, n * width + c, std::span(all.poles).subspan(n, 1));
                       file->read(*r, n * width + c, std::span(all.coefficients).subspan(n, 1));
                     }
                     if (skip != nullptr) all.skip = readRange(*file, *skip, c, 1).front();
                     return all;
                   }));
  }
  return true;
}

}  // namespace

const FamilyReader modalPairReader{readModalPairs, families};

}  // namespace analysis
