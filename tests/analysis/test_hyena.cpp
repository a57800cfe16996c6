// The Hyena family on the sample checkpoint: filters against the published implementation's, description, report.
#include <QtTest>
#include <cmath>
#include <nlohmann/json.hpp>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/error.h"

using namespace analysis;

namespace {

std::shared_ptr<const Checkpoint> sample() {
  static const auto opened = Checkpoint::open(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
  return opened;
}

const Setting* setting(const CheckpointReport& report, const std::string& name) {
  for (const Setting& each : report.settings) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

}  // namespace

class TestHyena : public QObject {
  Q_OBJECT
 private slots:
  void matchesPublishedFilters();
  void describesTheLanguageModel();
  void reportsWhatItFound();
  void keepsTheSkipApart();
  void obeysChoices();
  void namesFilters();
  void parsesFilterLists_data();
  void parsesFilterLists();
  void refusesFilterLists_data();
  void refusesFilterLists();
  void hashes();
  void stops();
};

void TestHyena::matchesPublishedFilters() {
  const auto reference = openTensorFile(POLECAT_TEST_DATA "/novels-hyena-1m.reference.safetensors");
  QCOMPARE(sample()->filterCount(), 512);
  for (int b = 0; b < 4; ++b) {
    const Bank& bank = sample()->banks()[static_cast<std::size_t>(b)];
    const std::vector<double> wanted = reference->doubles("filters." + bank.path);
    QCOMPARE(wanted.size(), std::size_t(128 * 1024));
    double difference = 0, energy = 0;
    for (int c = 0; c < bank.channels; ++c) {
      const auto filter = sample()->filter({b, c});
      QCOMPARE(filter->taps.size(), std::size_t(1024));
      for (std::size_t n = 0; n < 1024; ++n) {
        const double target = wanted[static_cast<std::size_t>(c) * 1024 + n];
        difference += (filter->taps[n] - target) * (filter->taps[n] - target);
        energy += target * target;
      }
    }
    const double relative = std::sqrt(difference / energy);
    qInfo("%s: relative l2 %.2e", bank.path.c_str(), relative);
    QVERIFY2(relative < 1e-6, bank.path.c_str());
  }
}

void TestHyena::describesTheLanguageModel() {
  const LanguageModel* model = sample()->languageModel();
  QVERIFY(model != nullptr);
  QCOMPARE(model->family, std::string("hyena"));
  QCOMPARE(model->width, 128);
  QCOMPARE(model->innerWidth, 512);
  QCOMPARE(model->vocabularySize, 256);
  QCOMPARE(model->trainingLengthTokens, 1024);
  QCOMPARE(model->hyenaOrder, 2);
  QCOMPARE(model->tokenizer, TokenizerKind::bytes);
  QVERIFY(model->tiedHead);
  QCOMPARE(model->blocks.size(), std::size_t(4));
  QCOMPARE(model->blocks[3].prefix, std::string("layers.3"));
  QCOMPARE(model->blocks[3].banks, std::vector<int>{3});
  QCOMPARE(sample()->weights("layers.0.mixer.in_proj.weight").size(), std::size_t(384 * 128));
  QVERIFY(sample()->shape("layers.0.mlp.fc1.weight") == (std::vector<std::int64_t>{512, 128}));
  QVERIFY(!sample()->hasWeights("layers.4.norm1.weight"));
  QVERIFY_THROWS_EXCEPTION(Error, (void)sample()->weights("layers.4.norm1.weight"));
}

void TestHyena::reportsWhatItFound() {
  const CheckpointReport& report = sample()->report();
  QCOMPARE(report.family, std::string("Hyena"));
  QVERIFY(report.missing.empty());
  QVERIFY(report.shapeMismatch.empty());
  QVERIFY(report.extra.empty());
  QVERIFY(setting(report, "modulate") != nullptr);
  QVERIFY(setting(report, "modulate")->origin == Origin::configuration);
  QCOMPARE(setting(report, "filter length")->value, std::string("1024"));
  QVERIFY(setting(report, "filter length")->origin == Origin::shapes);
  // The head and the second and third freq of each layer are copies on storages of their own.
  QCOMPARE(report.tied.size(), std::size_t(1 + 2 * 4));
  QCOMPARE(sample()->tensors().formatName(), std::string("PyTorch zip"));
  QCOMPARE(sample()->tensors().tensors().size(), std::size_t(116));
  QCOMPARE(sample()->tensors().metadata().at("hyper_parameters").at("steps").get<int>(), 4183);
}

void TestHyena::keepsTheSkipApart() {
  const std::vector<double> bias = sample()->tensors().doubles("model.backbone.layers.2.mixer.filter_fn.bias");
  QCOMPARE(sample()->filter({2, 77})->skip, bias[77]);
  QVERIFY(bias[77] != 0);
}

void TestHyena::obeysChoices() {
  const char* path = POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt";
  const auto shifted = Checkpoint::open(path, {}, {{"shift", "0.05"}});
  const auto bare = Checkpoint::open(path, {}, {{"modulate", "off"}});
  QVERIFY(setting(shifted->report(), "shift")->origin == Origin::choice);
  // h = y (window + shift) and y is what modulation off gives.
  for (std::size_t n : {0, 1, 500, 1023}) {
    const double y = bare->filter({1, 5})->taps[n];
    const double expected = sample()->filter({1, 5})->taps[n] + 0.05 * y;
    QVERIFY(std::abs(shifted->filter({1, 5})->taps[n] - expected) < 1e-14);
  }
  QVERIFY_THROWS_EXCEPTION(Error, (void)Checkpoint::open(path, {}, {{"shift", "much"}}));
  QVERIFY_THROWS_EXCEPTION(Error, (void)Checkpoint::open(path, {}, {{"width", "64"}}));
}

void TestHyena::namesFilters() {
  QCOMPARE(sample()->filterName({2, 17}), std::string("2.17"));
  QCOMPARE(sample()->filter({2, 17})->name, std::string("2.17"));
  QVERIFY_THROWS_EXCEPTION(Error, (void)sample()->filter({4, 0}));
  QVERIFY_THROWS_EXCEPTION(Error, (void)sample()->filter({0, 128}));
}

void TestHyena::parsesFilterLists_data() {
  QTest::addColumn<QString>("text");
  QTest::addColumn<int>("count");
  QTest::addColumn<int>("lastBank");
  QTest::addColumn<int>("lastChannel");
  QTest::newRow("one") << "0.3" << 1 << 0 << 3;
  QTest::newRow("range of channels") << "1.5-9" << 5 << 1 << 9;
  QTest::newRow("range of layers") << "0-2.*" << 384 << 2 << 127;
  QTest::newRow("list, sorted, once") << "3.1, 0.2,3.1" << 2 << 3 << 1;
  QTest::newRow("all") << "*" << 512 << 3 << 127;
}

void TestHyena::parsesFilterLists() {
  QFETCH(QString, text);
  QFETCH(int, count);
  QFETCH(int, lastBank);
  QFETCH(int, lastChannel);
  const std::vector<FilterId> found = sample()->parseFilters(text.toStdString());
  QCOMPARE(int(found.size()), count);
  QVERIFY(found.back() == (FilterId{lastBank, lastChannel}));
}

void TestHyena::refusesFilterLists_data() {
  QTest::addColumn<QString>("text");
  for (const char* text :
       {"", "4.0", "0.128", "0", "a.b", "0.3-1", "0.-1", "0.1,,2.2", "0.0.0", "1.2.3.4", "99999999999.1"}) {
    QTest::newRow(text) << text;
  }
}

void TestHyena::refusesFilterLists() {
  QFETCH(QString, text);
  QVERIFY_THROWS_EXCEPTION(Error, (void)sample()->parseFilters(text.toStdString()));
}

void TestHyena::hashes() {
  // sha256sum of the sample file.
  QCOMPARE(sample()->sha256(), std::string("c44758afd9bc532cc78ba1b88c30824c8e584ed12d124011120f77c0761b7f09"));
}

void TestHyena::stops() {
  std::stop_source stop;
  const auto fresh = Checkpoint::open(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
  stop.request_stop();
  QVERIFY_THROWS_EXCEPTION(Stopped, (void)fresh->filter({0, 0}, Task(stop.get_token())));
  QCOMPARE(fresh->filter({0, 0})->taps.size(), std::size_t(1024));
}

QTEST_GUILESS_MAIN(TestHyena)
#include "test_hyena.moc"
