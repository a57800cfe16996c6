// Explicit long convolutions (safari's LongConv and H3Conv): the taps themselves are the parameters. Filters only.
#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/checkpoint/families.h"
#include "analysis/checkpoint/modalsource.h"
#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

constexpr std::array families{
    KnownFamily{"Long convolution", "*.kernel.kernel and *.D", true, false, "explicit taps"},
    KnownFamily{"H3Conv", "*.k_kernel.kernel and *.kernel.kernel", true, false, "explicit taps"}};

// Taps [1, H, L] below threshold are zero: h = sign(k) max(|k| - lambda, 0) (Fu et al. 2023, Simple Hardware-Efficient
// Long Convolutions, section 3.2).
void addKernel(Survey& survey, const std::string& kernelKey, const std::string& skipKey, Bank bank, double threshold) {
  const int channels = survey.size(kernelKey, 1), length = survey.size(kernelKey, 2);
  bool usable = survey.expect(kernelKey, {1, -1, -1});
  usable = survey.expect(skipKey, {1, channels}) && usable;
  if (!usable) return;
  bank.path = kernelKey.substr(0, kernelKey.rfind('.'));
  bank.channels = channels;
  bank.lengthSamples = length;
  survey.addBank(bank, tapsSource(length, [file = survey.sharedFile(), kernel = survey.find(kernelKey),
                                           skip = survey.find(skipKey), threshold](int channel, std::span<double> out) {
                   file->read(*kernel, static_cast<std::uint64_t>(channel) * out.size(), out);
                   for (double& tap : out) tap = std::copysign(std::max(std::abs(tap) - threshold, 0.), tap);
                   return readRange(*file, *skip, static_cast<std::uint64_t>(channel), 1).front();
                 }));
}

double thresholdOf(Survey& survey) {
  const double threshold =
      survey.number("soft threshold", {"lam", "kernel/lam"}, 0.003, {"0", "0.001", "0.003", "0.004", "0.1"});
  if (!(threshold >= 0)) {
    refuse(survey.file().path().string(), "has a soft threshold below zero", "choose one of at least 0");
  }
  return threshold;
}

bool readLongConvolutions(Survey& survey) {
  // H3Conv has two kernels per layer: k_kernel with k_D first, kernel with D after it.
  std::vector<std::string> modules;
  for (const auto& [key, info] : survey.keys()) {
    constexpr std::string_view ending = ".kernel.kernel";
    if (!key.ends_with(ending) && key != ending.substr(1)) continue;
    const std::string module = key.substr(0, key.size() - std::string_view("kernel.kernel").size());
    if (survey.has(module + "D")) modules.push_back(module);
  }
  if (modules.empty()) return false;
  const bool paired = survey.has(modules.front() + "k_kernel.kernel");
  survey.recognise(families[paired ? 1 : 0], paired ? "*.k_kernel.kernel, *.kernel.kernel" : "*.kernel.kernel and *.D");
  const double threshold = thresholdOf(survey);
  for (const std::string& module : modules) {
    Bank bank;
    bank.layer = static_cast<int>(&module - modules.data());
    if (paired) {
      bank.operatorsInLayer = 2;
      addKernel(survey, module + "k_kernel.kernel", module + "k_D", bank, threshold);
      bank.operatorIndex = 1;
    }
    addKernel(survey, module + "kernel.kernel", module + "D", bank, threshold);
  }
  return true;
}

}  // namespace

const FamilyReader longConvolutionReader{readLongConvolutions, families};

}  // namespace analysis
