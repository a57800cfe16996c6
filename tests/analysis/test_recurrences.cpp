// Families whose files hold poles: the state-space model that the file means, run token by token in float64, does what
// the filter read from it does as a convolution. The models come from the numbers of the file by formulas written here.
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <complex>

#include "analysis/checkpoint/checkpoint.h"
#include "tests/analysis/tensorwriters.h"

using namespace analysis;
using Complex = std::complex<double>;
using writers::floats;
using writers::randomNumbers;

namespace {

// y = f u + Re sum R s, then s <- lambda s + u.
struct Model {
  double feedthrough = 0, skip = 0;
  std::vector<Complex> poles, residues;

  // h[t] = Re sum c p^t for t >= 0, rewritten.
  void add(Complex p, Complex c) {
    feedthrough += c.real();
    poles.push_back(p);
    residues.push_back(c * p);
  }
};

struct Case {
  const char* title;
  std::string bytes;
  const char* file;
  std::vector<Model> channels;
  Choices choices;
  int bank = 0;
  const char* family;
};

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
  for (std::size_t c = 0; c < C; ++c) {
    Model model;
    model.skip = d[c];
    const double step = std::exp(double(dt[c]));
    for (std::size_t n = 0; n < N; ++n) {
      const Complex A(-std::exp(double(re[n])), -double(im[n])), p = std::exp(step * A);
      const Complex CB = Complex(k[2 * (c * N + n)], k[2 * (c * N + n) + 1]) * Complex(b[2 * n], b[2 * n + 1]);
      model.add(p, 2. * CB * (p - 1.) / A);
    }
    made.channels.push_back(model);
  }
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
// 1/(1 - lambda^T) undoes.
Case rtf() {
  const std::vector<float> ab{-1.875f, 0.9375f, 0.5f, -0.25f, 1, 2, -3, 0.125f};  // a, then b of each channel
  const std::vector<float> h0{0.5f, -1, 0};
  constexpr int T = 512;
  Case made{"RTF",
            writers::safetensors({floats("ab", {4, 2}, ab), floats("h_0", {3}, h0)}),
            "rtf.safetensors",
            {},
            {{"truncation length", std::to_string(T)}},
            0,
            "RTF"};
  const Complex root = std::sqrt(Complex(1.875 * 1.875 / 4 - 0.9375));
  for (std::size_t c = 0; c < C; ++c) {
    Model model;
    model.feedthrough = h0[c];
    for (const double sign : {1., -1.}) {
      const Complex lambda = 1.875 / 2 + sign * root;
      const Complex R =
          (double(ab[2 + 2 * c]) * lambda + double(ab[3 + 2 * c])) / (2. * lambda - 1.875) / (1. - std::pow(lambda, T));
      model.poles.push_back(lambda);
      model.residues.push_back(R);
      model.feedthrough += (R * std::pow(lambda, T - 1)).real();
    }
    made.channels.push_back(model);
  }
  return made;
}

}  // namespace

class TestRecurrences : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void doWhatTheFiltersDo_data() {
    QTest::addColumn<int>("index");
    int index = 0;
    for (const Case& each : cases()) QTest::newRow(each.title) << index++;
  }
  void doWhatTheFiltersDo() {
    QFETCH(int, index);
    const Case given = cases()[std::size_t(index)];
    QTemporaryDir folder;
    writers::save(folder.filePath(given.file), given.bytes);
    const auto checkpoint = Checkpoint::open(folder.filePath(given.file).toStdString(), {}, given.choices);
    QCOMPARE(checkpoint->report().family, std::string(given.family));
    QCOMPARE(checkpoint->banks()[std::size_t(given.bank)].channels, int(C));
    for (std::size_t c = 0; c < C; ++c) {
      const auto filter = checkpoint->filter({given.bank, int(c)});
      const Model& model = given.channels[c];
      QCOMPARE(filter->skip, model.skip);
      const auto u = randomNumbers(300, 100 + unsigned(c));
      std::vector<Complex> state(model.poles.size());
      double largest = 0, worst = 0;
      for (std::size_t t = 0; t < u.size(); ++t) {
        double sum = 0;
        for (std::size_t k = 0; k <= t; ++k) sum += filter->taps[t - k] * double(u[k]);
        double stepped = model.feedthrough * double(u[t]);
        for (std::size_t n = 0; n < state.size(); ++n) {
          stepped += (model.residues[n] * state[n]).real();
          state[n] = model.poles[n] * state[n] + double(u[t]);
        }
        largest = std::max(largest, std::abs(sum));
        worst = std::max(worst, std::abs(sum - stepped));
      }
      QVERIFY2(worst <= 1e-10 * largest, qPrintable(QString("channel %1: %2 of %3").arg(c).arg(worst).arg(largest)));
    }
  }

 private:
  static std::vector<Case> cases() {
    return {stripedHyena(), evo2(), h3(true), h3(false), s4d(), s4(), spectralLds(), rtf()};
  }
};

QTEST_GUILESS_MAIN(TestRecurrences)
#include "test_recurrences.moc"
