// Layers that hold their filters as poles or as taps: StripedHyena, Evo 2, H3, S4D, S4, long convolutions, SpectraLDS,
// each against sums written out term by term.
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <complex>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/error.h"
#include "tests/analysis/tensorwriters.h"

using namespace analysis;
using Complex = std::complex<double>;
using writers::floats;
using writers::randomNumbers;

namespace {

bool close(const std::vector<double>& taps, const std::vector<double>& wanted, double tolerance = 1e-13) {
  if (taps.size() < wanted.size()) return false;
  for (std::size_t n = 0; n < wanted.size(); ++n) {
    if (!(std::abs(taps[n] - wanted[n]) <= tolerance * std::max(1., std::abs(wanted[n])))) return false;
  }
  return true;
}

}  // namespace

class TestStateSpaceLayers : public QObject {
  Q_OBJECT
 private slots:
  void readsStripedHyena();
  void readsEvo2();
  void readsH3_data();
  void readsH3();
  void readsS4d();
  void readsS4();
  void readsLongConvolutions();
  void readsSpectraLds();
  void agreesWithPyTorch_data();
  void agreesWithPyTorch();

 private:
  std::shared_ptr<const Checkpoint> opened(const char* name, const std::string& bytes, const Choices& choices = {}) {
    writers::save(folder.filePath(name), bytes);
    return Checkpoint::open(folder.filePath(name).toStdString(), {}, choices);
  }
  QTemporaryDir folder;
};

void TestStateSpaceLayers::readsStripedHyena() {
  const std::vector<float> poles = randomNumbers(4 * 2 * 2, 7, 0.4f), residues = randomNumbers(4 * 2 * 2, 8),
                           d = randomNumbers(4, 9);
  const auto model = opened(
      "s.safetensors",
      writers::safetensors({floats("backbone.blocks.0.inner_mha_cls.Wqkv.weight", {12, 4}, randomNumbers(48, 1)),
                            floats("backbone.blocks.1.filter.poles", {4, 2, 1, 2}, poles),
                            floats("backbone.blocks.1.filter.residues", {4, 2, 1, 2}, residues),
                            floats("backbone.blocks.1.filter.D", {4}, d),
                            floats("backbone.blocks.1.filter.short_filter_weight", {12, 1, 3}, randomNumbers(36, 2)),
                            floats("backbone.embedding_layer.weight", {8, 4}, randomNumbers(32, 3))}),
      {{"filter length", "40"}});
  QCOMPARE(model->report().family, std::string("StripedHyena (Evo 1)"));
  QCOMPARE(model->banks()[0].path, std::string("blocks.1.filter"));
  QCOMPARE(model->filterName({0, 3}), std::string("1.3"));
  QVERIFY(model->report().extra.empty());
  for (std::size_t c = 0; c < 4; ++c) {
    std::vector<double> wanted(40);
    for (int t = 0; t < 40; ++t) {
      for (std::size_t n = 0; n < 2; ++n) {
        const Complex p(poles[4 * c + 2 * n], poles[4 * c + 2 * n + 1]),
            r(residues[4 * c + 2 * n], residues[4 * c + 2 * n + 1]);
        wanted[std::size_t(t)] += (r * std::pow(p, t)).real();
      }
    }
    const auto filter = model->filter({0, int(c)});
    QVERIFY(close(filter->taps, wanted));
    QCOMPARE(filter->skip, double(d[c]));
  }
}

void TestStateSpaceLayers::readsEvo2() {
  const std::vector<float> hcs = randomNumbers(2 * 7, 11), hcm = randomNumbers(2 * 128, 12), d = randomNumbers(4, 13);
  std::vector<float> logs = randomNumbers(4 * 3, 14);
  for (float& g : logs) g = -std::abs(g);
  const std::vector<float> residues = randomNumbers(4 * 3, 15);
  const auto model = opened(
      "e.pt",
      writers::torchFile({floats("blocks.0.filter.h", {2, 1, 7}, hcs), floats("blocks.1.filter.h", {2, 1, 128}, hcm),
                          floats("blocks.1.filter.D", {4}, d), floats("blocks.2.filter.log_poles", {4, 3, 1}, logs),
                          floats("blocks.2.filter.residues", {4, 3}, residues), floats("blocks.2.filter.D", {4}, d),
                          floats("blocks.3.inner_mha_cls.Wqkv.weight", {12, 4}, randomNumbers(48, 1))}),
      {{"filter length", "30"}});
  QCOMPARE(model->report().family, std::string("StripedHyena 2 (Evo 2)"));
  QCOMPARE(int(model->banks().size()), 3);
  QVERIFY(model->banks()[0].heads && model->banks()[0].channels == 2);
  QCOMPARE(model->filter({0, 1})->taps, std::vector<double>(hcs.rbegin(), hcs.rbegin() + 7));
  QCOMPARE(model->filter({0, 1})->skip, 0.);
  QCOMPARE(model->banks()[1].channels, 4);
  QCOMPARE(model->filter({1, 1})->taps, std::vector<double>(hcm.begin(), hcm.begin() + 128));
  QCOMPARE(model->filter({1, 2})->taps, std::vector<double>(hcm.begin() + 128, hcm.end()));
  QCOMPARE(model->filter({1, 2})->skip, double(d[2]));
  std::vector<double> wanted(30);
  for (int t = 0; t < 30; ++t) {
    for (std::size_t n = 0; n < 3; ++n) wanted[std::size_t(t)] += residues[9 + n] * std::exp(double(logs[9 + n]) * t);
  }
  QVERIFY(close(model->filter({2, 3})->taps, wanted));
  QVERIFY(model->report().extra.empty());
}

void TestStateSpaceLayers::readsH3_data() {
  QTest::addColumn<bool>("bilinear");
  QTest::newRow("bilinear") << true;
  QTest::newRow("zero-order hold") << false;
}

void TestStateSpaceLayers::readsH3() {
  QFETCH(bool, bilinear);
  const auto sB = randomNumbers(3 * 5, 21), sC = randomNumbers(3 * 5, 22), sD = randomNumbers(3, 23),
             C = randomNumbers(3 * 2 * 2, 24), B = randomNumbers(2 * 2 * 2, 25), dt = randomNumbers(3, 26),
             re = randomNumbers(4, 27), im = randomNumbers(4, 28, 3), D = randomNumbers(3, 29);
  const std::string m = "layers.0.mixer.";
  const auto model =
      opened("h3.pt",
             writers::torchFile(
                 {floats(m + "ssm_k_kernel.kernel.B", {3, 5}, sB), floats(m + "ssm_k_kernel.kernel.C", {1, 3, 5}, sC),
                  floats(m + "ssm_k_D", {3}, sD), floats(m + "kernel.kernel.C", {1, 3, 2, 2}, C),
                  floats(m + "kernel.kernel.B", {2, 2, 2}, B), floats(m + "kernel.kernel.log_dt", {3}, dt),
                  floats(m + "kernel.kernel.inv_A_real", {2, 2}, re), floats(m + "kernel.kernel.A_imag", {2, 2}, im),
                  floats(m + "D", {3}, D), floats(m + "q_proj.weight", {3, 3}, randomNumbers(9, 1))}),
             {{"filter length", "25"}, {"discretisation", bilinear ? "bilinear" : "zoh"}});
  QCOMPARE(model->report().family, std::string("H3"));
  QVERIFY(model->report().extra.empty());
  QCOMPARE(model->filterName({1, 2}), std::string("0.1.2"));
  for (std::size_t h = 0; h < 3; ++h) {
    std::vector<double> shift(5), wanted(25);
    for (std::size_t t = 0; t < 5; ++t) {
      for (std::size_t n = 0; n + t < 5; ++n) shift[t] += double(sB[5 * h + n]) * sC[5 * h + n + t];
    }
    const double step = std::exp(double(dt[h]));
    for (std::size_t n = 0; n < 2; ++n) {
      const std::size_t row = 2 * (h % 2) + n;
      const Complex a(-std::exp(double(re[row])), im[row]), b(B[2 * row], B[2 * row + 1]),
          c(C[4 * h + 2 * n], C[4 * h + 2 * n + 1]);
      const Complex p = bilinear ? (1. + step * a / 2.) / (1. - step * a / 2.) : std::exp(step * a);
      const Complex input = bilinear ? b * step / (1. - step * a / 2.) : b * (p - 1.) / a;
      for (int t = 0; t < 25; ++t) wanted[std::size_t(t)] += 2 * (c * input * std::pow(p, t)).real();
    }
    QVERIFY(close(model->filter({0, int(h)})->taps, shift));
    QCOMPARE(model->filter({0, int(h)})->skip, double(sD[h]));
    QVERIFY(close(model->filter({1, int(h)})->taps, wanted, 1e-12));
    QCOMPARE(model->filter({1, int(h)})->skip, double(D[h]));
  }
}

void TestStateSpaceLayers::readsS4d() {
  const auto C = randomNumbers(2 * 2 * 2, 31), dt = randomNumbers(2, 32), re = randomNumbers(4, 33),
             im = randomNumbers(4, 34), D = randomNumbers(2, 35);
  const auto model =
      opened("s4d.pt",
             writers::torchFile({floats("net.kernel.C", {2, 2, 2}, C), floats("net.kernel.log_dt", {2}, dt),
                                 floats("net.kernel.log_A_real", {2, 2}, re), floats("net.kernel.A_imag", {2, 2}, im),
                                 floats("net.D", {2}, D)}),
             {{"filter length", "20"}});
  QCOMPARE(model->report().family, std::string("S4D"));
  for (std::size_t h = 0; h < 2; ++h) {
    std::vector<double> wanted(20);
    const double step = std::exp(double(dt[h]));
    for (std::size_t n = 0; n < 2; ++n) {
      const Complex a(-std::exp(double(re[2 * h + n])), im[2 * h + n]), c(C[4 * h + 2 * n], C[4 * h + 2 * n + 1]);
      for (int t = 0; t < 20; ++t)
        wanted[std::size_t(t)] += 2 * (c * (std::exp(step * a) - 1.) / a * std::exp(step * a * double(t))).real();
    }
    QVERIFY(close(model->filter({0, int(h)})->taps, wanted, 1e-12));
    QCOMPARE(model->filter({0, int(h)})->skip, double(D[h]));
  }
}

void TestStateSpaceLayers::readsS4() {
  const auto C = randomNumbers(2 * 2 * 2, 41), B = randomNumbers(4, 42), dt = randomNumbers(2, 43),
             re = randomNumbers(2, 44), im = randomNumbers(2, 45), D = randomNumbers(2, 46);
  std::vector<writers::Tensor> tensors{
      floats("layer.kernel.C", {1, 2, 2, 2}, C), floats("layer.kernel.B", {1, 1, 2, 2}, B),
      floats("layer.kernel.inv_dt", {2, 1}, dt), floats("layer.kernel.A_real", {1, 2}, re),
      floats("layer.kernel.A_imag", {1, 2}, im), floats("layer.D", {1, 2}, D)};
  const auto model = opened("s4.pt", writers::torchFile(tensors), {{"filter length", "20"}});
  for (std::size_t h = 0; h < 2; ++h) {
    std::vector<double> wanted(20);
    const double step = std::exp(double(dt[h]));
    for (std::size_t n = 0; n < 2; ++n) {
      const Complex a(-std::exp(double(re[n])), -im[n]), b(B[2 * n], B[2 * n + 1]),
          c(C[4 * h + 2 * n], C[4 * h + 2 * n + 1]);
      for (int t = 0; t < 20; ++t)
        wanted[std::size_t(t)] += 2 * (b * c * (std::exp(step * a) - 1.) / a * std::exp(step * a * double(t))).real();
    }
    QVERIFY(close(model->filter({0, int(h)})->taps, wanted, 1e-12));
  }
}

void TestStateSpaceLayers::readsLongConvolutions() {
  const auto k = randomNumbers(2 * 20, 51, 0.01f), k2 = randomNumbers(2 * 20, 52, 0.01f), D = randomNumbers(2, 53);
  std::vector<writers::Tensor> tensors{floats("layers.0.layer.kernel.kernel", {1, 2, 20}, k),
                                       floats("layers.0.layer.D", {1, 2}, D)};
  const auto model = opened("lc.pt", writers::torchFile(tensors), {{"soft threshold", "0.004"}});
  QCOMPARE(model->report().family, std::string("Long convolution"));
  for (std::size_t n = 0; n < 20; ++n) {
    const double value = k[20 + n], size = std::max(std::abs(value) - 0.004, 0.);
    QVERIFY(std::abs(model->filter({0, 1})->taps[n] - (value < 0 ? -size : size)) < 1e-18);
  }
  QCOMPARE(model->filter({0, 1})->skip, double(D[1]));
  tensors.push_back(floats("layers.0.layer.k_kernel.kernel", {1, 2, 20}, k2));
  tensors.push_back(floats("layers.0.layer.k_D", {1, 2}, D));
  const auto h3 = opened("h3conv.pt", writers::torchFile(tensors), {{"soft threshold", "0"}});
  QCOMPARE(h3->report().family, std::string("H3Conv"));
  QCOMPARE(h3->filterName({1, 0}), std::string("0.1.0"));
  QCOMPARE(h3->filter({0, 0})->taps, std::vector<double>(k2.begin(), k2.begin() + 20));
}

void TestStateSpaceLayers::readsSpectraLds() {
  auto A = randomNumbers(6, 61, 0.3f);
  const auto B = randomNumbers(6, 62), C = randomNumbers(6 * 4, 63), h0 = randomNumbers(6, 64);
  const auto model = opened("lds.pt",
                            writers::torchFile({floats("A", {6}, A), floats("B", {1, 6}, B), floats("C", {6, 4}, C),
                                                floats("h0", {6}, h0), floats("M", {48, 1, 0}, {})}),
                            {{"filter length", "12"}});
  QCOMPARE(model->report().family, std::string("SpectraLDS"));
  for (std::size_t k = 0; k < 4; ++k) {
    std::vector<double> wanted(12);
    for (int t = 0; t < 12; ++t) {
      for (std::size_t n = 0; n < 6; ++n)
        wanted[std::size_t(t)] += double(B[n]) * C[4 * n + k] * std::pow(double(A[n]), t);
    }
    QVERIFY(close(model->filter({0, int(k)})->taps, wanted));
  }
}

// Kernels that PyTorch computed by the published formulas (tests/bench/peers/torch_formats.py fixtures).
void TestStateSpaceLayers::agreesWithPyTorch_data() {
  QTest::addColumn<QString>("file");
  QTest::addColumn<QString>("family");
  QTest::addColumn<QString>("setting");
  QTest::newRow("S4D") << "official_s4d.pt" << "S4D" << "filter length";
  QTest::newRow("StripedHyena") << "official_stripedhyena.pt" << "StripedHyena (Evo 1)" << "filter length";
  QTest::newRow("RTF") << "official_rtf.pt" << "RTF" << "truncation length";
}
void TestStateSpaceLayers::agreesWithPyTorch() {
  QFETCH(QString, file);
  QFETCH(QString, family);
  QFETCH(QString, setting);
  const auto model = Checkpoint::open((QStringLiteral(POLECAT_TEST_DATA "/torch/") + file).toStdString(), {},
                                      {{setting.toStdString(), "512"}});
  QCOMPARE(model->report().family, family.toStdString());
  const std::vector<double> expected = model->tensors().doubles("kernel");
  QCOMPARE(expected.size(), std::size_t(64));
  for (int c = 0; c < 2; ++c) {
    const auto filter = model->filter({0, c});
    QCOMPARE(filter->taps.size(), std::size_t(512));
    double square = 0, error = 0;
    for (std::size_t t = 0; t < 32; ++t) {
      const double wanted = expected[std::size_t(c) * 32 + t];
      square += wanted * wanted;
      error += std::pow(filter->taps[t] - wanted, 2);
    }
    QVERIFY2(error <= 1e-24 * square, qPrintable(QString::number(std::sqrt(error / square))));
  }
}

QTEST_GUILESS_MAIN(TestStateSpaceLayers)
#include "test_statespacelayers.moc"
