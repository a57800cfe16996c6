// Explicit long convolutions (safari's LongConv and H3Conv): the taps themselves are the parameters. Filters only.
#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/checkpoint/families.h"
#include "analysis/checkpoint/languageframe.h"
#include "analysis/checkpoint/modalsource.h"
#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

constexpr std::array families{
    KnownFamily{"Long convolution", "*.kernel.kernel and *.D", true, false, "explicit taps"},
    KnownFamily{"H3Conv", "*.k_kernel.kernel and *.kernel.kernel", true, false, "explicit taps"}};

// What shapes do not show of a kernel module (safari's LongConvKernel).
struct KernelOptions {
  double threshold = 0;
  int window = 1;      // of the moving average, odd; 1: none
  bool causal = true;  // false: the second half of the stored taps looks ahead
};

// h = sign(k) max(|k| - lambda, 0) of the moving average k of the stored taps, which divides by the whole window at the
// ends too (Fu et al. 2023, Simple Hardware-Efficient Long Convolutions, section 3.2). O(L window).
void shapeTaps(std::span<const double> stored, const KernelOptions& options, std::span<double> taps) {
  const std::ptrdiff_t half = options.window / 2, count = static_cast<std::ptrdiff_t>(stored.size());
  for (std::size_t t = 0; t < taps.size(); ++t) {
    const auto centre = static_cast<std::ptrdiff_t>(t);
    double sum = 0;
    for (std::ptrdiff_t n = std::max<std::ptrdiff_t>(centre - half, 0); n <= std::min(centre + half, count - 1); ++n)
      sum += stored[static_cast<std::size_t>(n)];
    const double k = sum / options.window;
    taps[t] = std::copysign(std::max(std::abs(k) - options.threshold, 0.), k);
  }
}

// Stored taps [c, H, L] with skips [c, H] or, of one output, [H]. Twice as many rows of taps as of skips: a convolution
// that looks both ways, of which the first half looks back.
void addKernel(Survey& survey, const std::string& kernelKey, const std::string& skipKey, Bank bank,
               const KernelOptions& options) {
  const TensorInfo* skip = survey.find(skipKey);
  const bool flat = skip != nullptr && skip->shape.size() == 1;
  const int stored = survey.size({{kernelKey, 0}}), length = survey.size(kernelKey, 2);
  const int outputs = flat ? 1 : survey.size({{skipKey, 0}, {kernelKey, 0}});
  const int inputs = survey.size({{kernelKey, 1}, {skipKey, std::size_t(flat ? 0 : 1)}});
  bool usable = survey.expect(kernelKey, {stored == 2 * outputs ? stored : outputs, inputs, length});
  usable = survey.expect(skipKey, flat ? std::vector<std::int64_t>{inputs} : std::vector<std::int64_t>{outputs, inputs}) &&
           usable;
  if (!usable) return;
  if (std::int64_t(outputs) * inputs > (1 << 22) || (!options.causal && length % 2 != 0)) {
    survey.report.shapeMismatch.push_back(kernelKey + ": is " + shapeText(survey.find(kernelKey)->shape) +
                                          ", which is no such kernel");
    return;
  }
  if (stored == 2 * outputs) survey.note(kernelKey, "both ways", Origin::shapes, "the half that looks back is shown");
  bank.path = kernelKey.substr(0, kernelKey.rfind('.'));
  bank.channels = outputs * inputs;
  bank.lengthSamples = options.causal ? length : length / 2;
  const auto all = static_cast<std::size_t>(length);
  survey.addBank(bank, tapsSource(bank.lengthSamples,
                                  [file = survey.sharedFile(), kernel = survey.find(kernelKey), skip, options,
                                   all](int channel, std::span<double> out) {
                                    const auto at = static_cast<std::uint64_t>(channel);
                                    shapeTaps(readRange(*file, *kernel, at * all, all), options, out);
                                    return readRange(*file, *skip, at, 1).front();
                                  }));
}

KernelOptions optionsOf(Survey& survey) {
  KernelOptions options;
  options.threshold =
      survey.number("soft threshold", {"lam", "kernel/lam"}, 0.003, {"0", "0.001", "0.003", "0.004", "0.1"});
  if (!(options.threshold >= 0)) {
    refuse(survey.file().path().string(), "has a soft threshold below zero", "choose one of at least 0");
  }
  const bool smooth = survey.flag("moving average", {"use_ma_smoothing", "kernel/use_ma_smoothing"}, false, true);
  if (smooth) options.window = survey.integer("averaged taps", {"ma_window_len", "kernel/ma_window_len"}, 7, {"3", "5", "7", "9"});
  if (options.window % 2 == 0 || options.window > 4096) {
    refuse(survey.file().path().string(), "averages a number of taps that has no middle", "choose an odd one");
  }
  options.causal = survey.flag("causal", {"causal", "kernel/causal"}, true, true);
  return options;
}

// Modules that hold a kernel, or what stands beside one.
Modules modulesOf(const Survey& survey, bool paired) {
  Modules modules;
  for (const std::string& module : modulesWith(survey, "kernel.kernel")) {
    const bool stacked = survey.find(module + "kernel.kernel")->shape.size() == 3;
    const bool accompanied = survey.has(module + "D") || survey.has(module + "output_linear.0.weight") || paired;
    if (stacked && accompanied) modules.insert(module);
  }
  if (paired) {
    modules.merge(modulesWith(survey, "k_kernel.kernel"));
    modules.merge(modulesWith(survey, "k_D"));
  } else if (!modules.empty()) {
    for (const std::string& module : modulesWith(survey, "output_linear.0.weight")) {
      if (survey.has(module + "D")) modules.insert(module);
    }
  }
  return modules;
}

bool readLongConvolutions(Survey& survey) {
  // H3Conv has two kernels per layer: k_kernel with k_D first, kernel with D after it.
  const bool paired = !modulesWith(survey, "k_kernel.kernel").empty();
  const Modules modules = modulesOf(survey, paired);
  if (modules.empty()) return false;
  survey.recognise(families[paired ? 1 : 0], paired ? "*.k_kernel.kernel, *.kernel.kernel" : "*.kernel.kernel and *.D");
  const KernelOptions options = optionsOf(survey);
  int layer = 0;
  for (const std::string& module : modules) {
    Bank bank;
    bank.layer = layer++;
    if (paired) {
      bank.operatorsInLayer = 2;
      addKernel(survey, module + "k_kernel.kernel", module + "k_D", bank, options);
      bank.operatorIndex = 1;
    }
    addKernel(survey, module + "kernel.kernel", module + "D", bank, options);
    for (const char* part : {"output_linear.0.weight", "output_linear.0.bias"}) survey.allow(module + part);
  }
  if (paired) {
    for (const auto& [key, info] : survey.keys()) {
      if (isFrameKey(key)) survey.allow(key);
    }
  }
  return true;
}

}  // namespace

const FamilyReader longConvolutionReader{readLongConvolutions, families};

}  // namespace analysis
