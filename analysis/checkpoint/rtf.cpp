#include "analysis/checkpoint/rtf.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>

#include "analysis/checkpoint/families.h"
#include "analysis/response/fft.h"
#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

constexpr std::array families{KnownFamily{"RTF", "ab and h_0", true, false, "transfer functions alone"}};

class RtfFilter final : public FilterSource {
 public:
  void evaluate(int firstChannel, std::span<double> taps, std::span<double> skips, const Task& task) const override {
    const auto length = static_cast<std::size_t>(options.truncationSamples);
    const RealFft<double> fft(options.truncationSamples + options.truncationSamples % 2);
    for (std::size_t c = 0; c < skips.size(); ++c) {
      task.throwIfStopped();
      const int column = firstColumn + (firstChannel + static_cast<int>(c)) * columnStep;
      double feedthrough = 0;
      file->read(*h0, static_cast<std::uint64_t>(column), std::span(&feedthrough, 1));
      const int perDenominator = static_cast<int>(h0->elementCount) / denominators;
      const std::vector<double> a = denominator(column / perDenominator), b = row(denominators + column);
      const auto out = taps.subspan(c * length, length);
      options.aliased ? sampled(fft, a, b, feedthrough, out) : unrolled(a, b, feedthrough, out);
      skips[c] = skipIsFeedthrough ? feedthrough : 0;
    }
  }

  std::shared_ptr<const TensorFile> file;
  const TensorInfo *ab = nullptr, *h0 = nullptr, *scalar = nullptr;
  RtfOptions options;
  int denominators = 1, firstColumn = 0, columnStep = 1;
  bool skipIsFeedthrough = false;

 private:
  std::vector<double> row(int index) const {
    std::vector<double> values(static_cast<std::size_t>(ab->shape[1]));
    file->read(*ab, static_cast<std::uint64_t>(index) * values.size(), std::span(values));
    return values;
  }

  // The l1 bound (Montel's) keeps every root inside the unit circle.
  std::vector<double> denominator(int index) const {
    std::vector<double> a = row(index);
    if (scalar == nullptr) return a;
    double bound = 0;
    file->read(*scalar, static_cast<std::uint64_t>(index), std::span(&bound, 1));
    bound = std::abs(bound) + 1e-6;
    for (const double value : a) bound += std::abs(value);
    for (double& value : a) value /= bound;
    return a;
  }

  static void sampled(const RealFft<double>& fft, const std::vector<double>& a, const std::vector<double>& b,
                      double feedthrough, std::span<double> out) {
    std::vector<double> series(static_cast<std::size_t>(fft.size()));
    std::vector<std::complex<double>> numerator(static_cast<std::size_t>(fft.bins())), spectrum(numerator.size());
    std::copy(b.begin(), b.end(), series.begin() + 1);
    fft.forward(series, numerator);
    series[0] = 1;
    std::copy(a.begin(), a.end(), series.begin() + 1);
    fft.forward(series, spectrum);
    for (std::size_t k = 0; k < spectrum.size(); ++k) spectrum[k] = numerator[k] / spectrum[k] + feedthrough;
    fft.inverse(spectrum, series);
    std::copy_n(series.begin(), out.size(), out.begin());
  }

  static void unrolled(const std::vector<double>& a, const std::vector<double>& b, double feedthrough,
                       std::span<double> out) {
    std::vector<double> state(a.size());
    state[0] = 1;
    for (double& tap : out) {
      double next = 0;
      tap = 0;
      for (std::size_t k = 0; k < a.size(); ++k) {
        tap += b[k] * state[k];
        next -= a[k] * state[k];
      }
      std::shift_right(state.begin(), state.end(), 1);
      state[0] = next;
    }
    out[0] += feedthrough;
  }
};

}  // namespace

RtfOptions rtfOptions(Survey& survey) {
  RtfOptions options;
  options.truncationSamples =
      survey.integer("truncation length", {"trunc_len", "l_max"}, 1024, {"512", "1024", "2048", "4096", "8192"});
  if (options.truncationSamples < 2 || options.truncationSamples > (1 << 26)) {
    refuse(survey.file().path().string(), "has a truncation length that no filter can have",
           "correct the configuration, or choose another");
  }
  for (const char* ending : {"ab", "h_0"}) {
    for (const std::string& module : modulesWith(survey, ending))
      options.bounded = options.bounded || survey.has(module + "scalar");
  }
  survey.note("constraint", options.bounded ? "l1_montel" : "none", Origin::tensors);
  options.aliased = survey.word("kernel", {}, "aliased", {"aliased", "not aliased"}) == "aliased";
  return options;
}

std::optional<int> surveyRtf(Survey& survey, const std::string& prefix, const RtfOptions& options) {
  const int channels = survey.size(prefix + "h_0", 0);
  const int denominators = survey.size(prefix + "ab", 0) - channels;
  const int order = survey.size(prefix + "ab", 1);
  bool usable = survey.expect(prefix + "h_0", {channels}) && channels > 0;
  usable = survey.expect(prefix + "ab", {-1, -1}) && usable;
  if (usable && (denominators < 1 || channels % denominators != 0 || order < 1 || order >= options.truncationSamples)) {
    survey.report.shapeMismatch.push_back(prefix + "ab: " + shapeText(survey.find(prefix + "ab")->shape) +
                                          " does not fit " + std::to_string(channels) + " channels and " +
                                          std::to_string(options.truncationSamples) + " taps");
    usable = false;
  }
  if (options.bounded) usable = survey.expect(prefix + "scalar", {usable ? denominators : -1}) && usable;
  return usable ? std::optional(channels) : std::nullopt;
}

std::shared_ptr<const FilterSource> rtfSource(const Survey& survey, const std::string& prefix,
                                              const RtfOptions& options, int firstColumn, int columnStep,
                                              bool skipIsFeedthrough) {
  auto source = std::make_shared<RtfFilter>();
  source->file = survey.sharedFile();
  source->ab = survey.find(prefix + "ab");
  source->h0 = survey.find(prefix + "h_0");
  source->scalar = survey.find(prefix + "scalar");
  source->options = options;
  source->denominators = static_cast<int>(source->ab->shape[0] - source->h0->shape[0]);
  source->firstColumn = firstColumn;
  source->columnStep = columnStep;
  source->skipIsFeedthrough = skipIsFeedthrough;
  return source;
}

namespace {

bool readBareRtf(Survey& survey) {
  // Two of the three names together are no chance; one tells what else is missing.
  Modules prefixes = modulesWith(survey, "ab");
  prefixes.merge(modulesWith(survey, "h_0"));
  const auto sure = std::find_if(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) {
    return survey.has(prefix + "ab") + survey.has(prefix + "h_0") + survey.has(prefix + "scalar") >= 2;
  });
  if (sure == prefixes.end()) return false;
  survey.recognise(families[0], *sure + "ab and " + *sure + "h_0");
  const RtfOptions options = rtfOptions(survey);
  for (const std::string& prefix : prefixes) {
    const auto channels = surveyRtf(survey, prefix, options);
    if (!channels) continue;
    Bank bank;
    bank.path = prefix.empty() ? "rtf" : prefix.substr(0, prefix.size() - 1);
    bank.layer = survey.bankCount();
    bank.channels = *channels;
    bank.lengthSamples = options.truncationSamples;
    survey.addBank(bank, rtfSource(survey, prefix, options, 0, 1, false));
  }
  return true;
}

}  // namespace

const FamilyReader bareRtfReader{readBareRtf, families};

}  // namespace analysis
