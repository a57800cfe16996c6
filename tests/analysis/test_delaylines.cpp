// Families whose files hold taps, or a network that gives them: a response that ends. No recurrence of fewer states than
// its last lag has that response, since its Hankel matrix is triangular with the last tap all along the antidiagonal. Its
// recurrence is the delay line of full order, whose matrix is the shift; it does what the filter read from the file does.
#include <QtTest>

#include "tests/analysis/hyenamodels.h"
#include "tests/analysis/recurrences.h"

using namespace analysis;
using recurrences::Case;
using recurrences::Model;
using writers::floats;
using writers::randomNumbers;

namespace {

constexpr std::size_t C = 3;  // channels

// Implicit filters: the network's taps, as hyenamodels.h sums them.
Case implicit(const char* title, const char* family, int order, double shift) {
  const bool heads = std::string(family) == "MultiHyena", dna = std::string(family) == "HyenaDNA";
  const std::string filter = heads ? "layers.0.model2.filter." : "layers.0.mixer.filter_fn.";
  models::Model model(4, order - 1, 57 + unsigned(order), 8);
  const int columns = heads ? 2 : 4 * (order - 1);
  model.addImplicitFilter(filter, columns, 40, 5, 6);
  if (heads) {
    model.addImplicitFilter("layers.0.model.filter.", columns, 40, 5, 6);
    model.add("layers.0.l1.weight", {12, 4});
  }
  if (dna) model.erase(filter + "implicit_filter.3.freq");
  auto tensors = model.tensors();
  if (dna) {
    for (writers::Tensor& tensor : tensors) tensor.name = "hyena." + tensor.name;
  }
  Case made{title, writers::safetensors(tensors), "implicit.safetensors", {}, {}, heads ? 1 : order - 2, family};
  for (int c = 0; c < (heads ? 2 : 4); ++c) {
    const int column = heads ? c : (order - 2) * 4 + c;  // a standalone file packs (operator, channel)
    const double skip = heads ? 0 : double(model[filter + "bias"][std::size_t(column)]);
    made.channels.push_back(Model::delayLine(model.implicitTaps(filter, column, true, shift), skip));
  }
  return made;
}

// Taps as the files keep them: [G, 1, K] of Evo 2, reversed without a skip; B and C of H3's shift; thresholded kernels.
Case evo2Taps(bool transformed) {
  const int taps = transformed ? 128 : 7;
  const auto h = randomNumbers(std::size_t(2 * taps), 58), d = randomNumbers(4, 59);
  std::vector<writers::Tensor> tensors{floats("blocks.0.filter.h", {2, 1, taps}, h)};
  if (transformed) tensors.push_back(floats("blocks.0.filter.D", {4}, d));
  Case made{transformed ? "Evo 2, medium" : "Evo 2, short", writers::safetensors(tensors), "taps.safetensors", {}, {}, 0,
            "StripedHyena 2 (Evo 2)"};
  for (std::size_t c = 0; c < (transformed ? 4 : 2); ++c) {
    const std::size_t group = transformed ? c / 2 : c;
    std::vector<double> own(h.begin() + std::ptrdiff_t(group) * taps, h.begin() + std::ptrdiff_t(group + 1) * taps);
    if (!transformed) std::reverse(own.begin(), own.end());
    made.channels.push_back(Model::delayLine(own, transformed ? double(d[c]) : 0));
  }
  return made;
}

Case h3Shift() {
  const auto c = randomNumbers(C * 5, 13), b = randomNumbers(C * 5, 14), d = randomNumbers(C, 12);
  const std::string at = "layers.0.mixer.";
  Case made{"H3, shift",
            writers::safetensors({floats(at + "ssm_k_kernel.kernel.C", {1, C, 5}, c),
                                  floats(at + "ssm_k_kernel.kernel.B", {C, 5}, b), floats(at + "ssm_k_D", {C}, d)}),
            "h3.safetensors",
            {},
            {},
            0,
            "H3"};
  for (std::size_t h = 0; h < C; ++h) {
    std::vector<double> taps(5);
    for (std::size_t t = 0; t < 5; ++t)
      for (std::size_t n = 0; n + t < 5; ++n) taps[t] += double(b[5 * h + n]) * double(c[5 * h + n + t]);
    made.channels.push_back(Model::delayLine(taps, d[h]));
  }
  return made;
}

// Of the medium long kernel k: h = sign(a) max(|a| - lambda, 0), a = k or its average over a window.
Case kernel(const char* title, const char* family, int window, bool causal) {
  constexpr int length = 40;
  const bool paired = std::string(family) == "H3Conv";
  const auto k = randomNumbers(C * length, 60, 0.01f), d = randomNumbers(C, 61);
  const std::string at = "layers.0.mixer.";
  std::vector<writers::Tensor> tensors{floats(at + "kernel.kernel", {1, C, length}, k)};
  tensors.push_back(paired ? floats(at + "D", {C}, d) : floats(at + "D", {1, C}, d));
  if (paired) {
    tensors.push_back(floats(at + "k_kernel.kernel", {1, C, length}, randomNumbers(C * length, 62)));
    tensors.push_back(floats(at + "k_D", {C}, randomNumbers(C, 63)));
  }
  Case made{title,
            writers::safetensors(tensors),
            "kernel.safetensors",
            {},
            {{"soft threshold", "0.002"}, {"moving average", window > 1 ? "on" : "off"}, {"causal", causal ? "on" : "off"}},
            paired ? 1 : 0,
            family};
  if (window > 1) made.choices["averaged taps"] = std::to_string(window);
  for (std::size_t c = 0; c < C; ++c) {
    std::vector<double> taps;
    for (int t = 0; t < (causal ? length : length / 2); ++t) {
      double a = 0;
      for (int n = t - window / 2; n <= t + window / 2; ++n)
        if (n >= 0 && n < length) a += double(k[c * length + std::size_t(n)]) / window;
      taps.push_back(a > 0.002 ? a - 0.002 : a < -0.002 ? a + 0.002 : 0);
    }
    made.channels.push_back(Model::delayLine(taps, d[c]));
  }
  return made;
}

// Twice as many rows of taps as of skips: the first half looks back.
Case bothWays() {
  const auto k = randomNumbers(2 * C * 30, 64), d = randomNumbers(C, 65);
  Case made{"Long convolution, both ways",
            writers::safetensors({floats("layer.kernel.kernel", {2, C, 30}, k), floats("layer.D", {1, C}, d)}),
            "bothways.safetensors",
            {},
            {{"soft threshold", "0"}},
            0,
            "Long convolution"};
  for (std::size_t c = 0; c < C; ++c)
    made.channels.push_back(Model::delayLine({k.begin() + std::ptrdiff_t(c) * 30, k.begin() + std::ptrdiff_t(c + 1) * 30}, d[c]));
  return made;
}

Case bank() {
  const auto k = randomNumbers(C * 50, 66);
  Case made{"Filter bank", writers::safetensors({floats("filters.a", {C, 50}, k)}), "bank.safetensors", {}, {}, 0,
            "Filter bank"};
  for (std::size_t c = 0; c < C; ++c)
    made.channels.push_back(Model::delayLine({k.begin() + std::ptrdiff_t(c) * 50, k.begin() + std::ptrdiff_t(c + 1) * 50}, 0));
  return made;
}

}  // namespace

class TestDelayLines : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void doesWhatTheFilterDoes_data() {
    QTest::addColumn<int>("index");
    int index = 0;
    for (const Case& each : cases()) QTest::newRow(each.title) << index++;
  }
  void doesWhatTheFilterDoes() {
    QFETCH(int, index);
    const std::string difference = recurrences::disagreement(cases()[std::size_t(index)]);
    QVERIFY2(difference.empty(), difference.c_str());
  }

 private:
  static std::vector<Case> cases() {
    return {evo2Taps(false),
            evo2Taps(true),
            h3Shift(),
            implicit("Hyena", "Hyena", 2, 0),
            implicit("Hyena, order 3", "Hyena", 3, 0),
            implicit("HyenaDNA", "HyenaDNA", 2, 0.05),
            implicit("MultiHyena", "MultiHyena", 2, 0),
            kernel("Long convolution", "Long convolution", 1, true),
            kernel("Long convolution, averaged", "Long convolution", 5, true),
            kernel("Long convolution, not causal", "Long convolution", 1, false),
            bothWays(),
            kernel("H3Conv", "H3Conv", 1, true),
            bank()};
  }
};

QTEST_GUILESS_MAIN(TestDelayLines)
#include "test_delaylines.moc"
