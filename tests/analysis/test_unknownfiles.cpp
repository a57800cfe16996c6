// Files of no known family: they open, their tensors can be told apart, and any of them can be read as filters.
#include <QStringDecoder>
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <limits>
#include <set>

#include "analysis/checkpoint/axes.h"
#include "analysis/checkpoint/checkpoint.h"
#include "analysis/checkpoint/knownfamilies.h"
#include "analysis/error.h"
#include "analysis/tensors/strictjson.h"
#include "analysis/tensors/tensorstatistics.h"
#include "tests/analysis/tensorwriters.h"

using namespace analysis;

namespace {

// Element (i, j, k) of the test tensor [3, 4, 5] is 100 i + 10 j + k.
constexpr int sizes[3] = {3, 4, 5};
std::vector<float> numbered() {
  std::vector<float> values;
  for (int i = 0; i < sizes[0]; ++i)
    for (int j = 0; j < sizes[1]; ++j)
      for (int k = 0; k < sizes[2]; ++k) values.push_back(float(100 * i + 10 * j + k));
  return values;
}

}  // namespace

class TestUnknownFiles : public QObject {
  Q_OBJECT

  QTemporaryDir m_folder;

  std::string file() {
    const QString path = m_folder.filePath("unknown.safetensors");
    if (!QFile::exists(path)) {
      writers::save(path, writers::safetensors({writers::floats("vae.cube", {3, 4, 5}, numbered()),
                                                writers::floats("vae.scale", {}, {2.5f}),
                                                writers::floats("blk.0.k", {2, 3, 2}, std::vector<float>(12, 1.f)),
                                                writers::floats("blk.1.k", {2, 3, 2}, std::vector<float>(12, 2.f)),
                                                {"packed", "F4", {4}, "ab"},
                                                {"empty", "F32", {0, 7, 2}, ""}}));
    }
    return path.toStdString();
  }
  std::shared_ptr<const Checkpoint> withBank(const std::string& bank, const std::string& axes) {
    return Checkpoint::open(file(), {}, {{"bank", bank}, {"axes", axes}});
  }

 private Q_SLOTS:
  // Names of tensors are shown as text: well-formed is what Qt decodes without an error.
  void textIsWhatQtDecodes() {
    int wellFormed = 0;
    const char tails[] = "\x41\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xff";
    const auto agrees = [&](const QByteArray& bytes) {
      QStringDecoder decoder(QStringDecoder::Utf8, QStringDecoder::Flag::Stateless);
      const QString decoded = decoder(bytes);
      wellFormed += !decoder.hasError();
      return isUtf8(bytes.toStdString()) == !decoder.hasError();
    };
    for (int lead = 0; lead < 256; ++lead) {
      const QByteArray one(1, char(lead));
      QVERIFY2(agrees(one), one.toHex().constData());
      for (int second = 0; second < 10; ++second)
        for (const char* rest : {"", "\x80", "\xbf", "A", "\x80\x80", "\xbf\xbf", "\x80" "A", "\x80\x80\x80"}) {
          const QByteArray bytes = one + tails[second] + rest;
          QVERIFY2(agrees(bytes), bytes.toHex().constData());
        }
    }
    QVERIFY(wellFormed > 500);
  }

  void opensWithoutFilters() {
    const auto checkpoint = Checkpoint::open(file());
    QCOMPARE(checkpoint->report().family, std::string("Unknown"));
    QVERIFY(checkpoint->banks().empty());
    QVERIFY(checkpoint->languageModel() == nullptr);
    QCOMPARE(checkpoint->filterCount(), 0);
    QCOMPARE(checkpoint->tensors().tensors().size(), std::size_t(6));
    QVERIFY(checkpoint->report().extra.empty());
    QCOMPARE(checkpoint->sha256().size(), std::size_t(64));
  }

  // Dense weights of some model would make long rows of numbers, but no filters.
  void parametersOfModulesAreNoFilters() {
    const QString path = m_folder.filePath("dense.safetensors");
    writers::save(path, writers::safetensors({writers::floats("attn.q.weight", {4, 32}, std::vector<float>(128, 1.f)),
                                              writers::floats("attn.taps", {2, 32}, std::vector<float>(64, 2.f))}));
    QCOMPARE(Checkpoint::open(path.toStdString())->report().family, std::string("Unknown"));
    const auto chosen = Checkpoint::open(path.toStdString(), {}, {{"bank", "attn.q.weight"}, {"axes", "c,t"}});
    QCOMPARE(chosen->filterCount(), 4);
  }

  void readsAnyAxesAsFilters_data() {
    QTest::addColumn<QString>("axes");
    QTest::addColumn<int>("channels");
    QTest::addColumn<int>("length");
    QTest::addColumn<QVector<int>>("first");  // (i, j, k) of filter 0 at tap 0 ...
    QTest::addColumn<int>("step");            // what a tap adds to the value
    QTest::addColumn<int>("next");            // what the second filter's tap 0 holds
    QTest::newRow("last") << "c,c,t" << 12 << 5 << QVector<int>{0, 0, 0} << 1 << 10;
    QTest::newRow("last, reversed") << "c,c,r" << 12 << 5 << QVector<int>{0, 0, 4} << -1 << 14;
    QTest::newRow("middle") << "c,t,c" << 15 << 4 << QVector<int>{0, 0, 0} << 10 << 1;
    QTest::newRow("first") << "t,c,c" << 20 << 3 << QVector<int>{0, 0, 0} << 100 << 1;
    QTest::newRow("middle held") << "c,2,t" << 3 << 5 << QVector<int>{0, 2, 0} << 1 << 120;
    QTest::newRow("last held, first in time, reversed") << "r,c,3" << 4 << 3 << QVector<int>{2, 0, 3} << -100 << 213;
    QTest::newRow("one filter") << "1,t,2" << 1 << 4 << QVector<int>{1, 0, 2} << 10 << -1;
  }
  void readsAnyAxesAsFilters() {
    QFETCH(QString, axes);
    QFETCH(int, channels);
    QFETCH(int, length);
    QFETCH(QVector<int>, first);
    QFETCH(int, step);
    QFETCH(int, next);
    const auto checkpoint = withBank("vae.cube", axes.toStdString());
    QCOMPARE(checkpoint->banks().size(), std::size_t(1));
    QCOMPARE(checkpoint->banks()[0].channels, channels);
    QCOMPARE(checkpoint->banks()[0].lengthSamples, length);
    QCOMPARE(checkpoint->banks()[0].path, std::string("vae.cube"));
    const auto filter = checkpoint->filter({0, 0});
    for (int t = 0; t < length; ++t) {
      QCOMPARE(filter->taps[std::size_t(t)], double(100 * first[0] + 10 * first[1] + first[2] + step * t));
    }
    QCOMPARE(filter->skip, 0.);
    if (channels > 1) QCOMPARE(checkpoint->filter({0, 1})->taps[0], double(next));
    // Every element of the tensor is some filter's tap exactly once when no axis is held.
    if (channels * length != 60) return;
    double sum = 0;
    for (int c = 0; c < channels; ++c)
      for (const double tap : checkpoint->filter({0, c})->taps) sum += tap;
    QCOMPARE(sum, 60 * (100 + 15 + 2.));
  }

  // Larger than one block of rows, so that the reading in pieces is walked through.
  void readsLongStridedAxes() {
    constexpr int length = 3000, width = 700;
    std::vector<float> values(std::size_t(length) * width);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = float(i % 65521);
    const QString path = m_folder.filePath("long.safetensors");
    writers::save(path, writers::safetensors({writers::floats("w", {length, width}, values)}));
    const auto checkpoint = Checkpoint::open(path.toStdString(), {}, {{"bank", "w"}, {"axes", "t,c"}});
    for (const int channel : {0, 1, 699}) {
      const auto filter = checkpoint->filter({0, channel});
      for (const int t : {0, 1, 1497, 1498, 2999}) {
        QCOMPARE(filter->taps[std::size_t(t)], double(values[std::size_t(t * width + channel)]));
      }
    }
  }

  void starsTakeSeveralTensors() {
    const auto checkpoint = withBank("blk.*.k", "c,t,0");
    QCOMPARE(checkpoint->banks().size(), std::size_t(2));
    QCOMPARE(checkpoint->banks()[1].path, std::string("blk.1.k"));
    QCOMPARE(checkpoint->filterName({1, 1}), std::string("1.1"));
    QCOMPARE(checkpoint->filter({1, 1})->taps, std::vector<double>(3, 2.));
    // Without axes the longest one is time, and the report says what was taken.
    const auto usual = Checkpoint::open(file(), {}, {{"bank", "vae.cube"}});
    QCOMPARE(usual->banks()[0].lengthSamples, 5);
    QCOMPARE(usual->report().settings.back().value, std::string("c,c,t"));
    QVERIFY(usual->report().settings.back().origin == Origin::shapes);
  }

  void worksOnKnownFamilies() {
    const auto sample =
        Checkpoint::open(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt", {},
                         {{"bank", "model.backbone.layers.0.mixer.short_filter.weight"}, {"axes", "c,0,r"}});
    QCOMPARE(sample->report().family, std::string("Chosen tensor"));
    QCOMPARE(sample->filterCount(), 384);
    const auto raw = sample->tensors().doubles("model.backbone.layers.0.mixer.short_filter.weight");
    QCOMPARE(sample->filter({0, 5})->taps, (std::vector<double>{raw[17], raw[16], raw[15]}));
  }

  void refusesWhatIsNoBank_data() {
    QTest::addColumn<QString>("bank");
    QTest::addColumn<QString>("axes");
    QTest::addColumn<QString>("says");
    QTest::newRow("no such tensor") << "vae.x"
                                    << ""
                                    << "has no tensor vae.x";
    QTest::newRow("scalar") << "vae.scale"
                            << ""
                            << "holds no taps";
    QTest::newRow("empty") << "empty"
                           << "c,t,c"
                           << "holds no taps";
    QTest::newRow("type") << "packed"
                          << ""
                          << "type F4";
    QTest::newRow("too few axes") << "vae.cube"
                                  << "c,t"
                                  << "do not fit its shape [3, 4, 5]";
    QTest::newRow("no time") << "vae.cube"
                             << "c,c,0"
                             << "exactly one time axis";
    QTest::newRow("two times") << "vae.cube"
                               << "t,c,r"
                               << "exactly one time axis";
    QTest::newRow("index") << "vae.cube"
                           << "c,4,t"
                           << "the index 4 beyond";
    QTest::newRow("negative") << "vae.cube"
                              << "c,-1,t"
                              << "the word \"-1\"";
    QTest::newRow("word") << "vae.cube"
                          << "c,x,t"
                          << "the word \"x\"";
    QTest::newRow("empty word") << "vae.cube"
                                << "c,,t"
                                << "the word \"\"";
  }
  void refusesWhatIsNoBank() {
    QFETCH(QString, bank);
    QFETCH(QString, axes);
    QFETCH(QString, says);
    try {
      (void)withBank(bank.toStdString(), axes.toStdString());
      QFAIL("accepted");
    } catch (const Error& error) {
      QVERIFY2(QString(error.what()).contains(says), error.what());
    }
  }
  void axesAloneAreNoChoice() {
    QVERIFY_THROWS_EXCEPTION(Error, (void)Checkpoint::open(file(), {}, {{"axes", "c,c,t"}}));
  }

  void statisticsAreThoseOfTheValues() {
    const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    // More than one piece of 65536 values: a ramp with known sums.
    constexpr int n = 150000;
    std::vector<float> ramp(n);
    for (int i = 0; i < n; ++i) ramp[std::size_t(i)] = float(i) - 10;
    const QString path = m_folder.filePath("statistics.safetensors");
    writers::save(path, writers::safetensors({writers::floats("odd", {6}, {nan, 3, -infinity, 0, -4, infinity}),
                                              writers::floats("ramp", {n}, ramp),
                                              writers::floats("nan", {1}, {nan}),
                                              {"huge", "F64", {2}, writers::bytesOf<double>({1e300, -1e300})},
                                              {"packed", "F4", {4}, "ab"}}));
    const auto file = openTensorFile(path.toStdString());
    const auto of = [&](const char* name) { return statisticsOf(*file, *file->find(name)); };
    const TensorStatistics odd = of("odd");
    QCOMPARE(odd.min, -4.);
    QCOMPARE(odd.max, 3.);
    QCOMPARE(odd.mean, -1. / 3);
    QCOMPARE(odd.rms, std::sqrt(25. / 3));
    QCOMPARE(odd.nanCount, std::uint64_t(1));
    QCOMPARE(odd.infiniteCount, std::uint64_t(2));
    QCOMPARE(odd.finiteCount, std::uint64_t(3));
    QCOMPARE(odd.zeroCount, std::uint64_t(1));
    const TensorStatistics line = of("ramp");
    const double mean = (n - 1) / 2. - 10;
    QVERIFY(std::abs(line.mean / mean - 1) < 1e-14);
    // Sum of squares of n consecutive integers from -10.
    const double squares = mean * mean + (double(n) * n - 1) / 12;
    QVERIFY(std::abs(line.rms / std::sqrt(squares) - 1) < 1e-14);
    QCOMPARE(line.max, double(n - 11));
    QVERIFY(std::isnan(of("nan").mean) && std::isnan(of("nan").min));
    QCOMPARE(of("huge").rms, 1e300);
    QVERIFY_THROWS_EXCEPTION(Error, (void)of("packed"));
    std::stop_source stop;
    stop.request_stop();
    QVERIFY_THROWS_EXCEPTION(Stopped, (void)statisticsOf(*file, *file->find("ramp"), Task(stop.get_token())));
  }

  // The list that people read is what the readers declare: every name once.
  void familiesAreListedOnce() {
    std::set<std::string_view> names;
    for (const KnownFamily& family : knownFamilies()) {
      QVERIFY2(names.insert(family.name).second, std::string(family.name).c_str());
      QVERIFY(!family.keyPattern.empty());
    }
    const auto sample = Checkpoint::open(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
    QVERIFY(names.contains(sample->report().family));
    QCOMPARE(names.size(), std::size_t(19));
  }
};

QTEST_GUILESS_MAIN(TestUnknownFiles)
#include "test_unknownfiles.moc"
