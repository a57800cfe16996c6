// Spectral filters as a bank of real exponentials (dshah02/SpectraLDS, hazan-lab/flash-stu-2).
#include <array>

#include "analysis/checkpoint/families.h"
#include "analysis/checkpoint/modalsource.h"

namespace analysis {
namespace {

constexpr std::array families{KnownFamily{"SpectraLDS", "A, B, C and h0", true, false, "real poles"}};

// A [n], B [1, n], C [n, k], h0 [n]: h_k[t] = sum_n B_n C_nk A_n^t, all real.
bool readSpectraLds(Survey& survey) {
  // Such short names mean these filters only together: three of the four, whose shapes fit each other.
  const int states = survey.size({{"A", 0}, {"B", 1}, {"h0", 0}}), filters = survey.size("C", 1);
  int fitting = 0;
  const auto fits = [&](const char* name, const std::vector<std::int64_t>& shape) {
    const TensorInfo* info = survey.find(name);
    fitting += info != nullptr && info->shape == shape;
    return info == nullptr || info->shape == shape;
  };
  const bool all = fits("A", {states}) && fits("B", {1, states}) && fits("C", {states, filters}) && fits("h0", {states});
  if (!all || fitting < 3) return false;
  survey.recognise(families[0], "A, B, C, h0");
  bool usable = survey.expect("A", {states});
  usable = survey.expect("B", {1, states}) && usable;
  usable = survey.expect("C", {states, filters}) && usable;
  survey.harmless("h0", "a state to begin from; filters begin from none");
  survey.harmless("M", "its use is not known; it holds no part of the filters");
  if (!usable) return true;
  Bank bank;
  bank.path = "phi";
  bank.channels = filters;
  bank.lengthSamples = evaluatedLength(survey, {"seq_len"});
  survey.addBank(
      bank, modalSource(bank.lengthSamples, [file = survey.sharedFile(), a = survey.find("A"), b = survey.find("B"),
                                             c = survey.find("C"), n = static_cast<std::size_t>(states),
                                             k = static_cast<std::uint64_t>(filters)](int channel) {
        Modes modes;
        const std::vector<double> poles = readRange(*file, *a, 0, n), input = readRange(*file, *b, 0, n);
        for (std::size_t i = 0; i < n; ++i) {
          const std::uint64_t at = i * k + static_cast<std::uint64_t>(channel);
          modes.poles.emplace_back(poles[i]);
          modes.coefficients.emplace_back(input[i] * readRange(*file, *c, at, 1).front());
        }
        return modes;
      }));
  return true;
}

}  // namespace

const FamilyReader spectraLdsReader{readSpectraLds, families};

}  // namespace analysis
