// Layouts that old or training-time files have: low-rank S4, safari's old names, DeepSpeed's module entry, blobs of
// extra state. Each fixture is written here as the official code would have left it, and held against sums written out
// in this file.
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

// Dense complex matrices, row-major, by the schoolbook: nothing shared with the implementation.
struct Dense {
  std::size_t n;
  std::vector<Complex> v;
  explicit Dense(std::size_t size) : n(size), v(size * size) {}
  Complex& at(std::size_t i, std::size_t j) { return v[i * n + j]; }
  const Complex& at(std::size_t i, std::size_t j) const { return v[i * n + j]; }
};

std::vector<Complex> times(const Dense& a, const std::vector<Complex>& x) {
  std::vector<Complex> y(a.n);
  for (std::size_t i = 0; i < a.n; ++i)
    for (std::size_t j = 0; j < a.n; ++j) y[i] += a.at(i, j) * x[j];
  return y;
}

// Gauss with row exchange.
std::vector<Complex> solve(Dense a, std::vector<Complex> b) {
  for (std::size_t k = 0; k < a.n; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k; i < a.n; ++i)
      if (std::abs(a.at(i, k)) > std::abs(a.at(pivot, k))) pivot = i;
    for (std::size_t j = 0; j < a.n; ++j) std::swap(a.at(k, j), a.at(pivot, j));
    std::swap(b[k], b[pivot]);
    for (std::size_t i = k + 1; i < a.n; ++i) {
      const Complex factor = a.at(i, k) / a.at(k, k);
      for (std::size_t j = k; j < a.n; ++j) a.at(i, j) -= factor * a.at(k, j);
      b[i] -= factor * b[k];
    }
  }
  for (std::size_t k = a.n; k-- > 0;) {
    for (std::size_t j = k + 1; j < a.n; ++j) b[k] -= a.at(k, j) * b[j];
    b[k] /= a.at(k, k);
  }
  return b;
}

// The bilinear rule written out: dA and dB of A = diag(a) - P P^* over both halves.
struct System {
  Dense dA{0};
  std::vector<Complex> dB, c;
};

System bilinear(const std::vector<Complex>& a, const std::vector<Complex>& b, const std::vector<Complex>& c,
                const std::vector<std::vector<Complex>>& p, double dt) {
  const std::size_t half = a.size(), n = 2 * half;
  const auto both = [&](const std::vector<Complex>& x) {
    std::vector<Complex> all = x;
    for (const Complex value : x) all.push_back(std::conj(value));
    return all;
  };
  const std::vector<Complex> w = both(a), B = both(b);
  Dense minus(n), plus(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      Complex A = i == j ? w[i] : 0;
      for (const auto& one : p) A -= both(one)[i] * std::conj(both(one)[j]);
      minus.at(i, j) = (i == j ? 1. : 0.) - dt / 2 * A;
      plus.at(i, j) = (i == j ? 1. : 0.) + dt / 2 * A;
    }
  }
  System system{Dense(n), {}, both(c)};
  for (std::size_t j = 0; j < n; ++j) {
    std::vector<Complex> column(n);
    for (std::size_t i = 0; i < n; ++i) column[i] = plus.at(i, j);
    column = solve(minus, column);
    for (std::size_t i = 0; i < n; ++i) system.dA.at(i, j) = column[i];
  }
  std::vector<Complex> scaled = B;
  for (Complex& value : scaled) value *= dt;
  system.dB = solve(minus, scaled);
  return system;
}

Complex dot(const std::vector<Complex>& a, const std::vector<Complex>& b) {
  Complex sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

std::vector<Complex> pairs(const std::vector<float>& values, std::size_t first, std::size_t count) {
  std::vector<Complex> out;
  for (std::size_t i = 0; i < count; ++i) out.emplace_back(values[2 * (first + i)], values[2 * (first + i) + 1]);
  return out;
}

}  // namespace

class TestLayouts : public QObject {
  Q_OBJECT

  QTemporaryDir folder;
  std::shared_ptr<const Checkpoint> opened(const char* name, const std::string& bytes, const Choices& choices = {}) {
    writers::save(folder.filePath(name), bytes);
    return Checkpoint::open(folder.filePath(name).toStdString(), {}, choices);
  }

 private Q_SLOTS:
  void readsLowRankS4_data() {
    QTest::addColumn<int>("rank");
    QTest::addColumn<int>("stored");  // l_kernel: C is kept as C (I - dA^stored)
    QTest::newRow("rank 1, C itself") << 1 << 0;
    QTest::newRow("rank 2, C itself") << 2 << 0;
    QTest::newRow("rank 1, trained at 24") << 1 << 24;
    QTest::newRow("rank 2, trained at 1") << 2 << 1;
  }
  // H = 3 filters over n_ssm = 1 system rows, N/2 = 3.
  void readsLowRankS4() {
    QFETCH(int, rank);
    QFETCH(int, stored);
    constexpr std::size_t H = 3, half = 3;
    constexpr int length = 60;
    const auto re = randomNumbers(half, 1, 0.3f), im = randomNumbers(half, 2, 3), dt = randomNumbers(H, 3, 0.3f);
    const auto B = randomNumbers(2 * half, 4), P = randomNumbers(std::size_t(rank) * 2 * half, 5, 0.7f);
    const auto trueC = randomNumbers(H * 2 * half, 6), D = randomNumbers(H, 7);
    std::vector<Complex> a;
    for (std::size_t n = 0; n < half; ++n) a.emplace_back(-std::exp(double(re[n])), -double(im[n]));
    std::vector<std::vector<Complex>> p;
    for (int r = 0; r < rank; ++r) p.push_back(pairs(P, std::size_t(r) * half, half));
    // What the file keeps in place of C; rounded to float32, so the expected C is recomputed from it below.
    std::vector<float> kept = trueC;
    if (stored > 0) {
      for (std::size_t h = 0; h < H; ++h) {
        const System s = bilinear(a, pairs(B, 0, half), pairs(trueC, h * half, half), p, std::exp(double(dt[h])));
        // (dA^T)^stored c, by walking: row vectors times dA.
        std::vector<Complex> row = s.c;
        for (int k = 0; k < stored; ++k) {
          std::vector<Complex> next(row.size());
          for (std::size_t j = 0; j < row.size(); ++j)
            for (std::size_t i = 0; i < row.size(); ++i) next[j] += row[i] * s.dA.at(i, j);
          row = next;
        }
        for (std::size_t n = 0; n < half; ++n) {
          kept[2 * (h * half + n)] = float((s.c[n] - row[n]).real());
          kept[2 * (h * half + n) + 1] = float((s.c[n] - row[n]).imag());
        }
      }
    }
    const auto model =
        opened("dplr.safetensors",
               writers::safetensors({floats("layer.kernel.C", {1, H, half, 2}, kept),
                                     floats("layer.kernel.B", {1, 1, half, 2}, B),
                                     floats("layer.kernel.A_real", {1, half}, re),
                                     floats("layer.kernel.A_imag", {1, half}, im),
                                     floats("layer.kernel.inv_dt", {H, 1}, dt),
                                     floats("layer.D", {1, H}, D),
                                     floats("layer.kernel.P", {rank, 1, half, 2}, P),
                                     {"layer.kernel.l_kernel", "I64", {}, writers::little<std::int64_t>(stored)}}),
               {{"filter length", "512"}});
    QCOMPARE(model->report().family, std::string("S4"));
    QVERIFY(model->report().missing.empty() && model->report().extra.empty());
    QCOMPARE(model->filterCount(), 3);
    for (std::size_t h = 0; h < H; ++h) {
      System s = bilinear(a, pairs(B, 0, half), pairs(kept, h * half, half), p, std::exp(double(dt[h])));
      if (stored > 0) {  // c^T = kept^T (I - dA^stored)^-1
        Dense power(s.dA.n), left(s.dA.n);
        for (std::size_t j = 0; j < s.dA.n; ++j) {
          std::vector<Complex> column(s.dA.n);
          column[j] = 1;
          for (int k = 0; k < stored; ++k) column = times(s.dA, column);
          for (std::size_t i = 0; i < s.dA.n; ++i) left.at(j, i) = (i == j ? 1. : 0.) - column[i];  // transposed
        }
        s.c = solve(left, s.c);
      }
      const auto filter = model->filter({0, int(h)});
      QCOMPARE(filter->skip, double(D[h]));
      std::vector<Complex> x = s.dB;
      double largest = 0;
      for (const double tap : filter->taps) largest = std::max(largest, std::abs(tap));
      for (int t = 0; t < length; ++t) {
        const double wanted = dot(s.c, x).real();
        QVERIFY2(std::abs(filter->taps[std::size_t(t)] - wanted) <= 1e-11 * largest,
                 qPrintable(QString("%1 %2 %3").arg(t).arg(filter->taps[std::size_t(t)]).arg(wanted)));
        x = times(s.dA, x);
      }
      // The system run as a recurrence does what the filter does as a convolution.
      const auto u = randomNumbers(std::size_t(length), 8 + unsigned(h));
      std::vector<Complex> state(s.dB.size());
      for (std::size_t t = 0; t < u.size(); ++t) {
        state = times(s.dA, state);
        for (std::size_t n = 0; n < state.size(); ++n) state[n] += s.dB[n] * double(u[t]);
        double sum = 0;
        for (std::size_t k = 0; k <= t; ++k) sum += filter->taps[t - k] * double(u[k]);
        QVERIFY(std::abs(dot(s.c, state).real() - sum) <= 1e-10 * largest);
      }
    }
  }
  void refusesLowRankOfTheWrongShape() {
    try {
      (void)opened("bad.safetensors",
                   writers::safetensors(
                       {floats("layer.kernel.C", {1, 1, 1, 2}, {1, 2}), floats("layer.kernel.B", {1, 1, 1, 2}, {1, 2}),
                        floats("layer.kernel.A_real", {1, 1}, {1}), floats("layer.kernel.A_imag", {1, 1}, {1}),
                        floats("layer.kernel.inv_dt", {1, 1}, {1}), floats("layer.D", {1, 1}, {1}),
                        floats("layer.kernel.P", {1, 1, 2, 2}, {1, 2, 3, 4})}));
      QFAIL("accepted");
    } catch (const Error& error) {
      QVERIFY2(QString(error.what()).contains("layer.kernel.P: is [1, 1, 2, 2], expected [any, 1, 1, 2]"), error.what());
    }
  }

  // A two-layer attention model under today's names and under those of 2022: the same model.
  void readsOldSafariNames() {
    constexpr int dm = 4, layers = 2;
    std::vector<writers::Tensor> today, old;
    unsigned seed = 20;
    const auto both = [&](const std::string& now, const std::string& then, std::vector<std::int64_t> shape) {
      std::size_t count = 1;
      for (const auto size : shape) count *= std::size_t(size);
      const auto values = randomNumbers(count, ++seed);
      today.push_back(floats("model.backbone." + now, shape, values));
      if (!then.empty()) old.push_back(floats(then, shape, values));
      return values;
    };
    both("embeddings.word_embeddings.weight", "embedding.weight", {8, dm});
    for (int l = 0; l < layers; ++l) {
      const std::string now = "layers." + std::to_string(l) + ".", then = "s4seq.encoder." + now;
      for (const std::string part : {".weight", ".bias"}) {
        // Norms come after what they come before today.
        both(now + "norm1" + part, l == 0 ? "s4seq.encoder.norm" + part : "s4seq.encoder.layers.0.norm2" + part, {dm});
        both(now + "norm2" + part, then + "norm1" + part, {dm});
        const std::vector<std::int64_t> square =
            part == ".bias" ? std::vector<std::int64_t>{dm} : std::vector<std::int64_t>{dm, dm};
        std::vector<std::int64_t> tall = square;
        tall[0] *= 3;
        const auto stacked = both(now + "mixer.Wqkv" + part, "", tall);
        const std::size_t third = stacked.size() / 3;
        for (int k = 0; k < 3; ++k) {
          const std::string name = k == 0 ? "q_proj" : k == 1 ? "k_proj" : "v_proj";
          old.push_back(floats(then + "mixer." + name + part, square,
                               {stacked.begin() + std::ptrdiff_t(std::size_t(k) * third),
                                stacked.begin() + std::ptrdiff_t(std::size_t(k + 1) * third)}));
        }
        both(now + "mixer.out_proj" + part, then + "mixer.output_linear" + part, square);
        both(now + "mlp.fc1" + part, then + "mlp.fc1" + part,
             part == ".bias" ? std::vector<std::int64_t>{2 * dm} : std::vector<std::int64_t>{2 * dm, dm});
        both(now + "mlp.fc2" + part, then + "mlp.fc2" + part,
             part == ".bias" ? std::vector<std::int64_t>{dm} : std::vector<std::int64_t>{dm, 2 * dm});
      }
    }
    for (const std::string part : {".weight", ".bias"})
      both("ln_f" + part, "s4seq.encoder.layers.1.norm2" + part, {dm});
    const Choices none;
    const auto now = opened("today.pt", writers::torchFile(today)), then = opened("old.pt", writers::torchFile(old));
    QCOMPARE(then->report().family, std::string("GPT"));
    QVERIFY(then->languageModel() != nullptr && now->languageModel() != nullptr);
    QVERIFY2(then->report().missing.empty(), then->report().missing.empty() ? "" : then->report().missing[0].c_str());
    QVERIFY(then->report().extra.empty());
    for (const writers::Tensor& each : today) {
      const std::string key = each.name.substr(std::string("model.backbone.").size());
      QVERIFY2(then->hasWeights(key), key.c_str());
      QCOMPARE(then->shape(key), now->shape(key));
      QCOMPARE(then->weights(key), now->weights(key));
    }
    // Both names at once contradict each other.
    old.push_back(today.front());
    QVERIFY_THROWS_EXCEPTION(Error, (void)opened("both.pt", writers::torchFile(old)));
  }

  // H3's own layers keep their projections apart.
  void keepsTheProjectionsOfH3() {
    std::vector<writers::Tensor> tensors{
        floats("s4seq.encoder.layers.0.norm1.weight", {2}, {1, 1}),
        floats("s4seq.encoder.layers.0.mixer.ssm_k_kernel.kernel.C", {1, 2, 4}, randomNumbers(8, 1)),
        floats("s4seq.encoder.layers.0.mixer.ssm_k_kernel.kernel.B", {2, 4}, randomNumbers(8, 2)),
        floats("s4seq.encoder.layers.0.mixer.ssm_k_D", {2}, {3, 4})};
    for (const char* name : {"q_proj", "k_proj", "v_proj", "output_linear"})
      tensors.push_back(floats(std::string("s4seq.encoder.layers.0.mixer.") + name + ".weight", {2, 2}, {1, 2, 3, 4}));
    const auto model = opened("h3.pt", writers::torchFile(tensors));
    QCOMPARE(model->report().family, std::string("H3"));
    QVERIFY(model->hasWeights("layers.0.mixer.q_proj.weight") &&
            model->hasWeights("layers.0.mixer.output_linear.weight"));
    QCOMPARE(model->filter({0, 1})->skip, 4.);
  }

  // DeepSpeed's mp_rank_00_model_states.pt: weights under "module", plain values and foreign objects beside them; and
  // Transformer Engine's extra state, a BytesIO under a tensor's key.
  void readsDeepSpeedAndExtraState() {
    using namespace writers::pickle;
    const auto poles = randomNumbers(2 * 3 * 2, 31, 0.4f), residues = randomNumbers(2 * 3 * 2, 32),
               d = randomNumbers(2, 33);
    const std::vector<writers::Tensor> tensors{floats("blocks.0.filter.poles", {2, 3, 1, 2}, poles),
                                               floats("blocks.0.filter.residues", {2, 3, 1, 2}, residues),
                                               floats("blocks.0.filter.D", {2}, d)};
    std::vector<std::pair<std::string, std::string>> entries;
    std::vector<std::string> storages;
    for (const writers::Tensor& each : tensors) {
      const std::string store =
          storage("FloatStorage", std::to_string(storages.size()), std::int64_t(each.bytes.size() / 4));
      entries.emplace_back("sequential." + each.name, tensor(store, 0, each.shape, writers::rowMajor(each.shape)));
      storages.push_back(each.bytes);
    }
    for (auto& [key, value] : entries) key = key.substr(std::string("sequential.").size());
    entries.emplace_back("blocks.0.projections._extra_state",
                         global("_io", "BytesIO") + ")\x81" + tuple({"C\x03xyz", integer(0), "N"}) + "b");
    const std::string stream = writers::pickle::stream(
        dict({{"module", dict(entries)},
              {"dp_world_size", integer(8)},
              {"ds_version", text("0.12")},
              {"ds_config", global("argparse", "Namespace") + ")\x81" + dict({{"max_seqlen", integer(512)}}) + "b"},
              {"optimizer", "N"}}));
    const auto model = opened("mp_rank_00_model_states.pt", writers::torchZip(stream, storages));
    QCOMPARE(model->report().family, std::string("StripedHyena (Evo 1)"));
    QVERIFY(!model->report().skipped.empty());
    QVERIFY(model->tensors().find("blocks.0.projections._extra_state") == nullptr);
    QVERIFY(model->tensors().remarks().front().find("_extra_state uses class") != std::string::npos);
    QCOMPARE(model->tensors().metadata().at("dp_world_size").get<int>(), 8);
    for (int c = 0; c < 2; ++c) {
      const auto filter = model->filter({0, c});
      for (int t = 0; t < 30; ++t) {
        Complex sum = 0;
        for (std::size_t n = 0; n < 3; ++n) {
          const std::size_t at = 2 * (std::size_t(c) * 3 + n);
          sum += Complex(residues[at], residues[at + 1]) * std::pow(Complex(poles[at], poles[at + 1]), t);
        }
        QVERIFY(std::abs(filter->taps[std::size_t(t)] - sum.real()) < 1e-12);
      }
    }
  }
};

QTEST_GUILESS_MAIN(TestLayouts)
#include "test_layouts.moc"
