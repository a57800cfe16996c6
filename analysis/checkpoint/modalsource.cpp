#include "analysis/checkpoint/modalsource.h"

#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

class PerChannel final : public FilterSource {
 public:
  PerChannel(int taps, std::function<double(int, std::span<double>)> compute)
      : length(static_cast<std::size_t>(taps)), channelOf(std::move(compute)) {}

  void evaluate(int firstChannel, std::span<double> taps, std::span<double> skips, const Task& task) const override {
    for (std::size_t c = 0; c < skips.size(); ++c) {
      task.throwIfStopped();
      skips[c] = channelOf(firstChannel + static_cast<int>(c), taps.subspan(c * length, length));
    }
  }

 private:
  std::size_t length;
  std::function<double(int, std::span<double>)> channelOf;
};

}  // namespace

std::shared_ptr<const FilterSource> tapsSource(int lengthSamples,
                                               std::function<double(int, std::span<double>)> tapsOf) {
  return std::make_shared<PerChannel>(lengthSamples, std::move(tapsOf));
}

std::shared_ptr<const FilterSource> modalSource(int lengthSamples, std::function<Modes(int)> modesOf) {
  return tapsSource(lengthSamples, [modesOf = std::move(modesOf)](int channel, std::span<double> taps) {
    const Modes modes = modesOf(channel);
    std::vector<std::complex<double>> terms = modes.coefficients;
    for (double& tap : taps) {
      tap = 0;
      for (std::size_t n = 0; n < terms.size(); ++n) {
        tap += terms[n].real();
        terms[n] *= modes.poles[n];
      }
    }
    return modes.skip;
  });
}

int evaluatedLength(Survey& survey, const std::vector<std::string>& names) {
  const int length =
      survey.integer("filter length", names, 2048, {"512", "1024", "2048", "4096", "8192", "16384", "65536", "131072"});
  if (length < 1 || length > (1 << 26)) {
    refuse(survey.file().path().string(), "has a filter length that cannot be evaluated", "choose another");
  }
  return length;
}

std::vector<double> readRange(const TensorFile& file, const TensorInfo& info, std::uint64_t first, std::size_t count) {
  std::vector<double> values(count);
  file.read(info, first, std::span(values));
  return values;
}

std::vector<std::complex<double>> readComplex(const TensorFile& file, const TensorInfo& info, std::uint64_t first,
                                              std::size_t count) {
  const std::vector<double> parts = readRange(file, info, 2 * first, 2 * count);
  std::vector<std::complex<double>> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = {parts[2 * i], parts[2 * i + 1]};
  return values;
}

}  // namespace analysis
