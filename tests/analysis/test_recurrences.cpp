// Families whose files hold poles: the state-space model that the file means, run token by token in float64, does what
// the filter read from it does as a convolution. The models come from the numbers of the file by formulas written here.
#include <QtTest>

#include "tests/analysis/hyenamodels.h"
#include "tests/analysis/recurrences.h"

using namespace analysis;
using recurrences::Case;
using recurrences::Model;
using writers::floats;
using writers::randomNumbers;

using Complex = std::complex<double>;

namespace {

constexpr std::size_t C = 3, N = 4;  // channels, modes

Case stripedHyena() {
  const auto p = randomNumbers(C * N * 2, 1, 0.4f), r = randomNumbers(C * N * 2, 2), d = randomNumbers(C, 3);
  Case made{
      "StripedHyena",
      writers::safetensors({floats("blocks.0.filter.poles", {C, N, 1, 2}, p),
                            floats("blocks.0.filter.residues", {C, N, 1, 2}, r), floats("blocks.0.filter.D", {C}, d)}),
      "sh.safetensors",
      {},
      {{"filter length", "512"}},
      0,
      "StripedHyena (Evo 1)"};
  for (std::size_t c = 0; c < C; ++c) {
    Model model;
    model.skip = d[c];
    for (std::size_t n = c * N; n < (c + 1) * N; ++n) model.add({p[2 * n], p[2 * n + 1]}, {r[2 * n], r[2 * n + 1]});
    made.channels.push_back(model);
  }
  return made;
}

Case evo2() {
  auto logs = randomNumbers(C * N, 4);
  for (float& g : logs) g = -std::abs(g);
  const auto r = randomNumbers(C * N, 5), d = randomNumbers(C, 6);
  Case made{"Evo 2, real modes",
            writers::safetensors({floats("blocks.0.filter.log_poles", {C, N, 1}, logs),
                                  floats("blocks.0.filter.residues", {C, N}, r), floats("blocks.0.filter.D", {C}, d)}),
            "evo2.safetensors",
            {},
            {{"filter length", "512"}},
            0,
            "StripedHyena 2 (Evo 2)"};
  for (std::size_t c = 0; c < C; ++c) {
    Model model;
    model.skip = d[c];
    for (std::size_t n = c * N; n < (c + 1) * N; ++n) model.add(std::exp(double(logs[n])), r[n]);
    made.channels.push_back(model);
  }
  return made;
}

// 2 Re sum c p^t, c = C B dt / (1 - dt A/2) and p = (1 + dt A/2)/(1 - dt A/2), or c = C B (p - 1)/A and p = exp(dt A).
Case h3(bool bilinear) {
  const auto k = randomNumbers(C * N * 2, 7), b = randomNumbers(N * 2, 8), re = randomNumbers(N, 9, 0.3f),
             im = randomNumbers(N, 10), dt = randomNumbers(C, 11, 0.5f), d = randomNumbers(C, 12);
  const std::string at = "layers.0.mixer.";
  Case made{bilinear ? "H3, bilinear" : "H3, zero-order hold",
            writers::safetensors(
                {floats(at + "ssm_k_kernel.kernel.C", {1, C, 5}, randomNumbers(C * 5, 13)),
                 floats(at + "ssm_k_kernel.kernel.B", {C, 5}, randomNumbers(C * 5, 14)), floats(at + "ssm_k_D", {C}, d),
                 floats(at + "kernel.kernel.C", {1, C, N, 2}, k), floats(at + "kernel.kernel.B", {1, N, 2}, b),
                 floats(at + "kernel.kernel.inv_A_real", {1, N}, re), floats(at + "kernel.kernel.A_imag", {1, N}, im),
                 floats(at + "kernel.kernel.log_dt", {C}, dt), floats(at + "D", {C}, d)}),
            bilinear ? "h3b.safetensors" : "h3z.safetensors",
            {},
            {{"filter length", "512"}, {"discretisation", bilinear ? "bilinear" : "zoh"}},
            1,
            "H3"};
  for (std::size_t c = 0; c < C; ++c) {
    Model model;
    model.skip = d[c];
    const double step = std::exp(double(dt[c]));
    for (std::size_t n = 0; n < N; ++n) {
      const Complex A(-std::exp(double(re[n])), im[n]);
      const Complex CB = Complex(k[2 * (c * N + n)], k[2 * (c * N + n) + 1]) * Complex(b[2 * n], b[2 * n + 1]);
      const Complex down = 1. - step * A / 2.;
      const Complex p = bilinear ? (1. + step * A / 2.) / down : std::exp(step * A);
      model.add(p, 2. * CB * (bilinear ? step / down : (p - 1.) / A));
    }
    made.channels.push_back(model);
  }
  return made;
}

Case s4d() {
  const auto k = randomNumbers(C * N * 2, 15), re = randomNumbers(C * N, 16, 0.3f), im = randomNumbers(C * N, 17),
             dt = randomNumbers(C, 18, 0.5f), d = randomNumbers(C, 19);
  Case made{"S4D",
            writers::safetensors({floats("s4.kernel.C", {C, N, 2}, k), floats("s4.kernel.log_dt", {C}, dt),
                                  floats("s4.kernel.log_A_real", {C, N}, re), floats("s4.kernel.A_imag", {C, N}, im),
                                  floats("s4.D", {C}, d)}),
            "s4d.safetensors",
            {},
            {{"filter length", "512"}},
            0,
            "S4D"};
  for (std::size_t c = 0; c < C; ++c) {
    Model model;
    model.skip = d[c];
    const double step = std::exp(double(dt[c]));
    for (std::size_t n = c * N; n < (c + 1) * N; ++n) {
      const Complex A(-std::exp(double(re[n])), im[n]), p = std::exp(step * A);
      model.add(p, 2. * Complex(k[2 * n], k[2 * n + 1]) * (p - 1.) / A);
    }
    made.channels.push_back(model);
  }
  return made;
}

// Channel c of S4 held between samples: poles shared by all channels, Im stored with the other sign, C_c B for a residue.
Model s4Channel(const std::vector<float>& re, const std::vector<float>& im, const std::vector<float>& b,
                const std::vector<float>& k, std::size_t c, float logStep, float skip) {
  Model model;
  model.skip = skip;
  const double step = std::exp(double(logStep));
  for (std::size_t n = 0; n < N; ++n) {
    const Complex A(-std::exp(double(re[n])), -double(im[n])), p = std::exp(step * A);
    const Complex CB = Complex(k[2 * (c * N + n)], k[2 * (c * N + n) + 1]) * Complex(b[2 * n], b[2 * n + 1]);
    model.add(p, 2. * CB * (p - 1.) / A);
  }
  return model;
}

// As S4D, but one row of poles for all channels, its imaginary part stored with the other sign, and B.
Case s4() {
  const auto k = randomNumbers(C * N * 2, 24), b = randomNumbers(N * 2, 25), re = randomNumbers(N, 26, 0.3f),
             im = randomNumbers(N, 27), dt = randomNumbers(C, 28, 0.5f), d = randomNumbers(C, 29);
  Case made{"S4, diagonal",
            writers::safetensors({floats("layer.kernel.C", {1, C, N, 2}, k), floats("layer.kernel.B", {1, 1, N, 2}, b),
                                  floats("layer.kernel.A_real", {1, N}, re), floats("layer.kernel.A_imag", {1, N}, im),
                                  floats("layer.kernel.inv_dt", {C, 1}, dt), floats("layer.D", {1, C}, d)}),
            "s4.safetensors",
            {},
            {{"filter length", "512"}},
            0,
            "S4"};
  for (std::size_t c = 0; c < C; ++c) made.channels.push_back(s4Channel(re, im, b, k, c, dt[c], d[c]));
  return made;
}

Case spectralLds() {
  std::vector<float> a = randomNumbers(N, 20, 0.4f);
  const auto b = randomNumbers(N, 21), k = randomNumbers(N * C, 22);
  Case made{"SpectraLDS",
            writers::safetensors({floats("A", {N}, a), floats("B", {1, N}, b), floats("C", {N, C}, k),
                                  floats("h0", {N}, randomNumbers(N, 23))}),
            "lds.safetensors",
            {},
            {{"filter length", "512"}},
            0,
            "SpectraLDS"};
  for (std::size_t c = 0; c < C; ++c) {
    Model model;
    for (std::size_t n = 0; n < N; ++n) model.add(a[n], double(b[n]) * k[n * C + c]);
    made.channels.push_back(model);
  }
  return made;
}

// One denominator of order 2 for three numerators; the kernel is periodic in its length T, which the factor
// 1/(1 - lambda^T) undoes. In a Hyena model the operator adds h_0 once more. The unrolled form is not periodic and has
// b M^t e_1 = sum (b_1 lambda + b_2) / A'(lambda) lambda^t from the first tap on.
Case rtf(const char* title, bool framed, bool aliased) {
  const std::vector<float> ab{-1.875f, 0.9375f, 0.5f, -0.25f, 1, 2, -3, 0.125f};  // a, then b of each channel
  const std::vector<float> h0{0.5f, -1, 0};
  constexpr int T = 512;
  const std::string at = framed ? "layers.0.mixer.filter_fn." : "";
  std::vector<writers::Tensor> tensors{floats(at + "ab", {4, 2}, ab), floats(at + "h_0", {3}, h0)};
  if (framed) {
    for (const writers::Tensor& tensor : models::Model(int(C), 1, 41, 8).tensors()) tensors.push_back(tensor);
  }
  Case made{title,
            writers::safetensors(tensors),
            "rtf.safetensors",
            {},
            {{"truncation length", std::to_string(T)}, {"kernel", aliased ? "aliased" : "not aliased"}},
            0,
            framed ? "Hyena-RTF" : "RTF"};
  const Complex root = std::sqrt(Complex(1.875 * 1.875 / 4 - 0.9375));
  for (std::size_t c = 0; c < C; ++c) {
    Model model;
    model.feedthrough = h0[c];
    model.skip = framed ? h0[c] : 0;
    for (const double sign : {1., -1.}) {
      const Complex lambda = 1.875 / 2 + sign * root;
      const Complex once = (double(ab[2 + 2 * c]) * lambda + double(ab[3 + 2 * c])) / (2. * lambda - 1.875);
      if (!aliased) {
        model.add(lambda, once);
        continue;
      }
      const Complex R = once / (1. - std::pow(lambda, T));
      model.poles.push_back(lambda);
      model.residues.push_back(R);
      model.feedthrough += (R * std::pow(lambda, T - 1)).real();
    }
    made.channels.push_back(model);
  }
  return made;
}

// Version 3 of S4: H3's formula and sign, one level deeper.
Case s4Third() {
  const auto k = randomNumbers(C * N * 2, 42), b = randomNumbers(N * 2, 43), re = randomNumbers(N, 44, 0.3f),
             im = randomNumbers(N, 45), dt = randomNumbers(C, 46, 0.5f), d = randomNumbers(C, 47);
  const std::string at = "layer.kernel.kernel.";
  Case made{"S4, version 3",
            writers::safetensors({floats(at + "C", {1, C, N, 2}, k), floats(at + "B", {1, N, 2}, b),
                                  floats(at + "inv_A_real", {1, N}, re), floats(at + "A_imag", {1, N}, im),
                                  floats(at + "log_dt", {C}, dt), floats("layer.D", {1, C}, d)}),
            "s4v3.safetensors",
            {},
            {{"filter length", "512"}},
            0,
            "S4"};
  for (std::size_t c = 0; c < C; ++c) {
    Model model;
    model.skip = d[c];
    const double step = std::exp(double(dt[c]));
    for (std::size_t n = 0; n < N; ++n) {
      const Complex A(-std::exp(double(re[n])), im[n]), down = 1. - step * A / 2.;
      const Complex CB = Complex(k[2 * (c * N + n)], k[2 * (c * N + n) + 1]) * Complex(b[2 * n], b[2 * n + 1]);
      model.add((1. + step * A / 2.) / down, 2. * CB * step / down);
    }
    made.channels.push_back(model);
  }
  return made;
}

// Two outputs for each of two inputs and, both ways, two more that look ahead and are not shown.
Case s4BothWays() {
  constexpr std::size_t inputs = 2, outputs = 2;
  const auto k = randomNumbers(2 * outputs * inputs * N * 2, 48), b = randomNumbers(N * 2, 49),
             re = randomNumbers(N, 50, 0.3f), im = randomNumbers(N, 51), dt = randomNumbers(inputs, 52, 0.5f),
             d = randomNumbers(outputs * inputs, 53);
  Case made{"S4, both ways",
            writers::safetensors({floats("layer.kernel.C", {2 * outputs, inputs, N, 2}, k),
                                  floats("layer.kernel.B", {1, 1, N, 2}, b), floats("layer.kernel.A_real", {1, N}, re),
                                  floats("layer.kernel.A_imag", {1, N}, im),
                                  floats("layer.kernel.inv_dt", {inputs, 1}, dt),
                                  floats("layer.D", {outputs, inputs}, d)}),
            "both.safetensors",
            {},
            {{"filter length", "512"}},
            0,
            "S4"};
  for (std::size_t c = 0; c < outputs * inputs; ++c)
    made.channels.push_back(s4Channel(re, im, b, k, c, dt[c % inputs], d[c]));
  return made;
}

// What distill writes: poles, residues and feedthrough of our own convention, pairs in full.
Case exported() {
  std::vector<double> poles, residues, feedthrough, skip;
  Case made{"Distilled models", "", "own.safetensors", {}, {}, 0, "Distilled models"};
  const auto parts = randomNumbers(C * 4, 54, 0.5f);
  for (std::size_t c = 0; c < C; ++c) {
    const Complex p(parts[4 * c], parts[4 * c + 1]), r(parts[4 * c + 2], parts[4 * c + 3]);
    Model model;
    model.feedthrough = 0.5 * double(c);
    model.skip = 1 - double(c);
    for (const Complex& pole : {p, std::conj(p)}) poles.insert(poles.end(), {pole.real(), pole.imag()});
    for (const Complex& residue : {r, std::conj(r)}) residues.insert(residues.end(), {residue.real(), residue.imag()});
    model.poles = {p, std::conj(p)};
    model.residues = {r, std::conj(r)};
    feedthrough.push_back(model.feedthrough);
    skip.push_back(model.skip);
    made.channels.push_back(model);
  }
  const auto doubles = [](const std::string& name, const std::vector<std::int64_t>& shape,
                          const std::vector<double>& values) {
    return writers::Tensor{"x." + name, "F64", shape, writers::bytesOf(values)};
  };
  made.bytes = writers::safetensors(
      {doubles("poles", {C, 2, 2}, poles), doubles("residues", {C, 2, 2}, residues),
       doubles("feedthrough", {C}, feedthrough), doubles("skip", {C}, skip),
       {"x.order", "I32", {C}, writers::bytesOf(std::vector<std::int32_t>(C, 2))}},
      {{"format", "polecat-statespace"}, {"length", "512"}});
  return made;
}

// Two files of one complex tensor [modes, channels] each.
Case polesAndResidues() {
  using namespace writers::pickle;
  const auto p = randomNumbers(N * C * 2, 55, 0.4f), r = randomNumbers(N * C * 2, 56);
  const auto file = [](const std::vector<float>& values) {
    const std::string store = storage("ComplexFloatStorage", "0", N * C);
    return writers::torchZip(stream(tensor(store, 0, {N, C}, {C, 1})), {writers::bytesOf(values)});
  };
  Case made{"Poles and residues", file(p),           "approx_poles_1.pt", {}, {{"filter length", "512"}}, 0,
            "Poles and residues", file(r), "approx_residues_1.pt"};
  for (std::size_t c = 0; c < C; ++c) {
    Model model;
    for (std::size_t n = 0; n < N; ++n) {
      const std::size_t at = 2 * (n * C + c);
      model.add({p[at], p[at + 1]}, {r[at], r[at + 1]});
    }
    made.channels.push_back(model);
  }
  return made;
}

}  // namespace

class TestRecurrences : public QObject {
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
    return {stripedHyena(),
            evo2(),
            h3(true),
            h3(false),
            s4d(),
            s4(),
            s4Third(),
            s4BothWays(),
            spectralLds(),
            rtf("RTF", false, true),
            rtf("RTF, not aliased", false, false),
            rtf("Hyena-RTF", true, true),
            exported(),
            polesAndResidues()};
  }
};

QTEST_GUILESS_MAIN(TestRecurrences)
#include "test_recurrences.moc"
