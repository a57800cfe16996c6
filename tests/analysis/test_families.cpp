// RTF and MultiHyena checkpoints against the published implementations, and small synthetic models of every Hyena
// kind against sums written out term by term.
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <complex>
#include <numbers>
#include <random>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/error.h"
#include "tests/analysis/hyenamodels.h"

using namespace analysis;
using models::Model;

class TestFamilies : public QObject {
  Q_OBJECT
 private slots:
  void matchesPublishedFilters_data();
  void matchesPublishedFilters();
  void describesMultiHyena();
  void describesHyenaRtf();
  void evaluatesRtfTermByTerm_data();
  void evaluatesRtfTermByTerm();
  void evaluatesHyenaTermByTerm_data();
  void evaluatesHyenaTermByTerm();
  void readsHyenaDna();
  void describesGpt();
  void mixesAttentionIn();
  void keepsWhatADamagedLayerLeaves();
  void reportsTrouble_data();
  void reportsTrouble();

 private:
  std::shared_ptr<const Checkpoint> opened(const Model& model, const Choices& choices = {}) {
    const QString path = folder.filePath("model.safetensors");
    writers::save(path, writers::safetensors(model.tensors()));
    return Checkpoint::open(path.toStdString(), {}, choices);
  }
  QTemporaryDir folder;
};

void TestFamilies::matchesPublishedFilters_data() {
  QTest::addColumn<QString>("name");
  QTest::addColumn<int>("bankCount");
  QTest::addColumn<int>("step");  // the reference holds every step-th channel
  QTest::newRow("Hyena-RTF") << "novels-hyena-rtf-1m" << 4 << 8;
  QTest::newRow("MultiHyena") << "novels-multihyena-1m" << 6 << 1;
}

void TestFamilies::matchesPublishedFilters() {
  QFETCH(QString, name);
  QFETCH(int, bankCount);
  QFETCH(int, step);
  const std::string stem = POLECAT_TEST_DATA "/" + name.toStdString();
  const auto checkpoint = Checkpoint::open(stem + ".ckpt");
  const auto reference = openTensorFile(stem + ".filters.safetensors");
  QCOMPARE(int(checkpoint->banks().size()), bankCount);
  for (int b = 0; b < bankCount; ++b) {
    const Bank& bank = checkpoint->banks()[std::size_t(b)];
    const std::vector<double> wanted = reference->doubles("filters." + bank.path);
    QCOMPARE(bank.channels, 16 * step);
    double difference = 0, energy = 0;
    for (int r = 0; r < 16; ++r) {
      const auto filter = checkpoint->filter({b, r * step});
      QCOMPARE(filter->taps.size(), std::size_t(1024));
      for (std::size_t n = 0; n < 1024; ++n) {
        const double target = wanted[std::size_t(r) * 1024 + n];
        difference += std::pow(filter->taps[n] - target, 2);
        energy += target * target;
      }
    }
    const double relative = std::sqrt(difference / energy);
    qInfo("%s: relative l2 %.2e", bank.path.c_str(), relative);
    QVERIFY2(relative < 1e-6, bank.path.c_str());
  }
}

void TestFamilies::describesMultiHyena() {
  const auto checkpoint = Checkpoint::open(POLECAT_TEST_DATA "/novels-multihyena-1m.ckpt");
  const LanguageModel* model = checkpoint->languageModel();
  QVERIFY(model != nullptr);
  QCOMPARE(model->family, std::string("multihyena"));
  QCOMPARE(model->heads, 16);
  QCOMPARE(model->innerWidth, 256);
  QCOMPARE(model->blocks.size(), std::size_t(3));
  QVERIFY(model->blocks[1].mixer == MixerKind::multiHyena);
  QCOMPARE(model->blocks[1].banks, (std::vector<int>{2, 3}));
  QVERIFY(checkpoint->banks()[3].heads);
  QCOMPARE(checkpoint->filterName({3, 5}), std::string("1.1.5"));
  QCOMPARE(checkpoint->filter({3, 5})->skip, 0.0);
  QCOMPARE(checkpoint->parseFilters("1.1.5").size(), std::size_t(1));
  QCOMPARE(checkpoint->parseFilters("1.*").size(), std::size_t(32));
  QVERIFY(checkpoint->report().missing.empty());
  QCOMPARE(checkpoint->report().extra.size(), std::size_t(6));  // the bias of each operator's filter, which nothing uses
  for (const std::string& extra : checkpoint->report().extra)
    QVERIFY(extra.ends_with("filter.bias: harmless, the operator does not use it"));
  QVERIFY_THROWS_EXCEPTION(Error, (void)checkpoint->parseFilters("1.5"));
}

void TestFamilies::describesHyenaRtf() {
  const auto checkpoint = Checkpoint::open(POLECAT_TEST_DATA "/novels-hyena-rtf-1m.ckpt");
  const LanguageModel* model = checkpoint->languageModel();
  QVERIFY(model != nullptr);
  QCOMPARE(model->family, std::string("hyena-rtf"));
  QCOMPARE(model->trainingLengthTokens, 1024);
  QCOMPARE(model->innerWidth, 512);
  const std::vector<double> h0 = checkpoint->tensors().doubles("model.backbone.layers.2.mixer.filter_fn.h_0");
  QCOMPARE(checkpoint->filter({2, 9})->skip, h0[9]);
  QVERIFY(checkpoint->report().missing.empty() && checkpoint->report().extra.empty());
}

void TestFamilies::evaluatesRtfTermByTerm_data() {
  QTest::addColumn<int>("length");
  QTest::addColumn<int>("denominators");
  QTest::addColumn<bool>("bounded");
  QTest::addColumn<bool>("aliased");
  QTest::newRow("even length") << 8 << 1 << true << true;
  QTest::newRow("odd length, free") << 9 << 2 << false << true;
  QTest::newRow("one denominator each") << 13 << 4 << true << true;
  QTest::newRow("not aliased") << 12 << 2 << true << false;
}

void TestFamilies::evaluatesRtfTermByTerm() {
  QFETCH(int, length);
  QFETCH(int, denominators);
  QFETCH(bool, bounded);
  QFETCH(bool, aliased);
  Model model(4, 1, 7);
  model.addRtf("layers.0.mixer.filter_fn.", 4, denominators, 3, bounded);
  const auto checkpoint =
      opened(model, {{"truncation length", std::to_string(length)}, {"kernel", aliased ? "aliased" : "not aliased"}});
  QVERIFY(checkpoint->languageModel() != nullptr);
  const std::vector<float> ab = model["layers.0.mixer.filter_fn.ab"], h0 = model["layers.0.mixer.filter_fn.h_0"];
  for (int c = 0; c < 4; ++c) {
    const std::size_t d = std::size_t(c / (4 / denominators));
    std::vector<double> a(3), b(3);
    double scale = bounded ? std::abs(double(model["layers.0.mixer.filter_fn.scalar"][d])) + 1e-6 : 1;
    for (std::size_t k = 0; k < 3 && bounded; ++k) scale += std::abs(double(ab[3 * d + k]));
    for (std::size_t k = 0; k < 3; ++k) {
      a[k] = ab[3 * d + k] / scale;
      b[k] = ab[3 * (std::size_t(denominators) + std::size_t(c)) + k];
    }
    const int period = length + length % 2;
    std::vector<double> wanted(static_cast<std::size_t>(length));
    if (aliased) {  // the inverse transform, written out
      for (int t = 0; t < length; ++t) {
        std::complex<double> sum = 0;
        for (int k = 0; k < period; ++k) {
          std::complex<double> top = 0, bottom = 1;
          for (int n = 1; n <= 3; ++n) {
            const auto z = std::polar(1., -2 * std::numbers::pi * k * n / period);
            top += b[std::size_t(n - 1)] * z;
            bottom += a[std::size_t(n - 1)] * z;
          }
          sum += (top / bottom + double(h0[std::size_t(c)])) * std::polar(1., 2 * std::numbers::pi * k * t / period);
        }
        wanted[std::size_t(t)] = sum.real() / period;
      }
    } else {  // the companion recursion, written out
      std::vector<double> state{1, 0, 0};
      for (int t = 0; t < length; ++t) {
        wanted[std::size_t(t)] = b[0] * state[0] + b[1] * state[1] + b[2] * state[2];
        state = {-a[0] * state[0] - a[1] * state[1] - a[2] * state[2], state[0], state[1]};
      }
      wanted[0] += h0[std::size_t(c)];
    }
    const auto filter = checkpoint->filter({0, c});
    QCOMPARE(filter->skip, double(h0[std::size_t(c)]));
    for (int t = 0; t < length; ++t) QVERIFY(std::abs(filter->taps[std::size_t(t)] - wanted[std::size_t(t)]) < 1e-13);
  }
}

void TestFamilies::evaluatesHyenaTermByTerm_data() {
  QTest::addColumn<int>("order");
  QTest::addColumn<QString>("packing");
  QTest::addColumn<bool>("modulate");
  QTest::addColumn<double>("shift");
  QTest::newRow("order 2") << 2 << "" << true << 0.;
  QTest::newRow("shifted") << 2 << "" << true << 0.05;
  QTest::newRow("not modulated") << 2 << "" << false << 0.;
  QTest::newRow("order 3, trainer") << 3 << "channel, operator" << true << 0.;
  QTest::newRow("order 3, standalone") << 3 << "operator, channel" << true << 0.;
}

void TestFamilies::evaluatesHyenaTermByTerm() {
  QFETCH(int, order);
  QFETCH(QString, packing);
  QFETCH(bool, modulate);
  QFETCH(double, shift);
  Model model(2, order - 1, 11);
  model.addImplicitFilter("layers.0.mixer.filter_fn.", 2 * (order - 1), 10, 5, 3);
  Choices choices{{"modulate", modulate ? "on" : "off"}, {"shift", std::to_string(shift)}};
  if (!packing.isEmpty()) choices["channel packing"] = packing.toStdString();
  const auto checkpoint = opened(model, choices);
  QVERIFY(checkpoint->languageModel() != nullptr);
  QCOMPARE(checkpoint->languageModel()->hyenaOrder, order);
  QCOMPARE(int(checkpoint->banks().size()), order - 1);
  const std::vector<float> bias = model["layers.0.mixer.filter_fn.bias"];
  for (int k = 0; k < order - 1; ++k) {
    for (int c = 0; c < 2; ++c) {
      const int column = packing == "channel, operator" ? c * (order - 1) + k : k * 2 + c;
      const auto filter = checkpoint->filter({k, c});
      QCOMPARE(filter->skip, double(bias[std::size_t(column)]));
      const std::vector<double> wanted = model.implicitTaps("layers.0.mixer.filter_fn.", column, modulate, shift);
      QCOMPARE(filter->taps.size(), wanted.size());
      for (std::size_t n = 0; n < wanted.size(); ++n) QVERIFY(std::abs(filter->taps[n] - wanted[n]) < 1e-14);
    }
  }
}

// Hugging Face files: hyena.backbone., one stored freq, padded vocabulary, own copy of the head, config.json, shift
// 0.05.
void TestFamilies::readsHyenaDna() {
  Model model(4, 1, 13, 16);
  model.addImplicitFilter("layers.0.mixer.filter_fn.", 4, 10, 5, 3);
  const std::vector<double> wanted = model.implicitTaps("layers.0.mixer.filter_fn.", 1, true, 0.05);
  model.erase("layers.0.mixer.filter_fn.implicit_filter.3.freq");
  model.erase("layers.0.mixer.filter_fn.implicit_filter.5.freq");
  model.addHead(true);
  QTemporaryDir place;
  auto tensors = model.tensors();
  for (auto& tensor : tensors)
    tensor.name = (tensor.name.starts_with("lm_head") ? "" : "hyena.backbone.") + tensor.name;
  // A trainer's file of the same weights: prefix model., wrapped mixers, statistics of its own.
  auto trainer = model.tensors();
  for (auto& tensor : trainer) {
    tensor.name = "model." + std::string(tensor.name.starts_with("lm_head") ? "" : "backbone.") + tensor.name;
    const std::size_t at = tensor.name.find(".mixer.");
    if (at != std::string::npos) tensor.name.replace(at, 7, ".mixer.layer.");
  }
  trainer.push_back(writers::floats("model.val_torchmetrics.sum", {1}, {1}));
  writers::save(place.filePath("model.safetensors"), writers::safetensors(tensors));
  writers::save(place.filePath("config.json"),
                R"({"d_model": 4, "n_layer": 3, "vocab_size": 12, "layer_norm_epsilon": 1e-5})");
  const auto checkpoint = Checkpoint::open(place.path().toStdString());
  QCOMPARE(checkpoint->report().family, std::string("HyenaDNA"));
  const LanguageModel* description = checkpoint->languageModel();
  QVERIFY(description != nullptr);
  QCOMPARE(description->vocabularySize, 12);
  QCOMPARE(description->vocabularyPadded, 16);
  QVERIFY(description->tokenizer == TokenizerKind::dna);
  QVERIFY(description->tiedHead);
  for (std::size_t n = 0; n < wanted.size(); ++n)
    QVERIFY(std::abs(checkpoint->filter({0, 1})->taps[n] - wanted[n]) < 1e-14);
  bool contradiction = false;
  for (const Setting& each : checkpoint->report().settings)
    contradiction = contradiction || (each.name == "layers" && !each.remark.empty());
  QVERIFY(contradiction);

  QTemporaryDir second;
  writers::save(second.filePath("weights.ckpt"),
                writers::torchFile(trainer, writers::pickle::text("epoch") + writers::pickle::integer(1)));
  const auto same = Checkpoint::open(second.filePath("weights.ckpt").toStdString(), {}, {{"shift", "0.05"}});
  QVERIFY(same->languageModel() != nullptr);
  QCOMPARE(same->filter({0, 1})->taps, checkpoint->filter({0, 1})->taps);
  QVERIFY(same->report().extra.empty());
}

void TestFamilies::describesGpt() {
  Model model(128, 0, 17);
  model.addAttention("layers.0.mixer.");
  model.addPositions(32);
  const auto checkpoint = opened(model);
  const LanguageModel* description = checkpoint->languageModel();
  QVERIFY(description != nullptr);
  QCOMPARE(description->family, std::string("gpt"));
  QCOMPARE(description->heads, 2);
  QCOMPARE(description->positions, 32);
  QCOMPARE(description->trainingLengthTokens, 32);
  QVERIFY(description->blocks[0].mixer == MixerKind::attention);
  QVERIFY(description->blocks[0].banks.empty());
  QVERIFY(description->tiedHead && !checkpoint->hasWeights("lm_head.weight"));
  QCOMPARE(checkpoint->filterCount(), 0);
  QCOMPARE(checkpoint->weights("layers.0.mixer.Wqkv.weight"), model["layers.0.mixer.Wqkv.weight"]);
  QVERIFY_THROWS_EXCEPTION(Error, (void)checkpoint->parseFilters("*"));
}

void TestFamilies::mixesAttentionIn() {
  Model model(4, 1, 19, 256, 2);
  model.addAttention("layers.0.mixer.");
  model.addImplicitFilter("layers.1.mixer.filter_fn.", 4, 6, 3, 3);
  model.addHead(false);
  const auto checkpoint = opened(model);
  const LanguageModel* description = checkpoint->languageModel();
  QVERIFY(description != nullptr);
  QVERIFY(description->blocks[0].mixer == MixerKind::attention && description->blocks[1].mixer == MixerKind::hyena);
  QVERIFY(!description->tiedHead);
  QCOMPARE(checkpoint->filterName({0, 2}), std::string("1.2"));
}

void TestFamilies::keepsWhatADamagedLayerLeaves() {
  Model model(4, 1, 31, 256, 2);
  model.addImplicitFilter("layers.0.mixer.filter_fn.", 4, 10, 5, 3);
  const auto checkpoint = opened(model);  // layer 1 has projections but no filters
  QCOMPARE(checkpoint->report().family, std::string("Hyena"));
  QCOMPARE(checkpoint->filterCount(), 4);
  QVERIFY(checkpoint->languageModel() == nullptr);
  QCOMPARE(int(checkpoint->report().missing.size()), 1);
}

void TestFamilies::reportsTrouble_data() {
  QTest::addColumn<QString>("erased");
  QTest::addColumn<QString>("misshapen");
  QTest::addColumn<bool>("filters");
  QTest::addColumn<bool>("runs");
  QTest::newRow("complete") << ""
                            << "" << true << true;
  QTest::newRow("norm absent") << "layers.0.norm1.weight"
                               << "" << true << false;
  QTest::newRow("embedding absent") << "embeddings.word_embeddings.weight"
                                    << "" << true << false;
  QTest::newRow("MLP misshapen") << ""
                                 << "layers.0.mlp.fc2.weight" << true << false;
  QTest::newRow("projection misshapen") << ""
                                        << "layers.0.mixer.out_proj.weight" << true << false;
  QTest::newRow("positions absent") << "layers.0.mixer.filter_fn.pos_emb.z"
                                    << "" << false << false;
  QTest::newRow("decay misshapen") << ""
                                   << "layers.0.mixer.filter_fn.modulation.deltas" << false << false;
  QTest::newRow("one freq misshapen") << ""
                                      << "layers.0.mixer.filter_fn.implicit_filter.3.freq" << false << false;
  QTest::newRow("skip absent") << "layers.0.mixer.filter_fn.bias"
                               << "" << false << false;
}

void TestFamilies::reportsTrouble() {
  QFETCH(QString, erased);
  QFETCH(QString, misshapen);
  QFETCH(bool, filters);
  QFETCH(bool, runs);
  Model model(4, 1, 23);
  model.addImplicitFilter("layers.0.mixer.filter_fn.", 4, 10, 5, 3);
  if (!erased.isEmpty()) model.erase(erased.toStdString());
  if (!misshapen.isEmpty()) model.set(misshapen.toStdString(), {7});
  if (!filters) {
    try {
      (void)opened(model);
      QFAIL("accepted");
    } catch (const Error& error) {
      const QString named = erased.isEmpty() ? misshapen : erased;
      QVERIFY2(QString(error.what()).contains(named), error.what());
    }
    return;
  }
  const auto checkpoint = opened(model);
  QCOMPARE(checkpoint->filterCount(), 4);
  QCOMPARE(checkpoint->filter({0, 0})->taps.size(), std::size_t(10));
  QCOMPARE(checkpoint->languageModel() != nullptr, runs);
  QCOMPARE(int(checkpoint->report().missing.size()), erased.isEmpty() ? 0 : 1);
  QCOMPARE(int(checkpoint->report().shapeMismatch.size()), misshapen.isEmpty() ? 0 : 1);
}

QTEST_GUILESS_MAIN(TestFamilies)
#include "test_families.moc"
