// Export for PyTorch: the torch archives themselves, pairs of poles and residues for StripedHyena, and what a full disk
// leaves.
#include <sys/resource.h>
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <complex>
#include <csignal>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/error.h"
#include "analysis/reduction/modalpairs.h"
#include "analysis/tensors/replacedfiles.h"
#include "analysis/tensors/torchwriter.h"
#include "tests/analysis/tensorwriters.h"

using namespace analysis;
using Complex = std::complex<double>;

namespace {

template <typename Number>
TorchTensor tensor(const std::string& name, DataType type, std::vector<std::int64_t> shape,
                   const std::vector<Number>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {name, type, std::move(shape), {bytes.begin(), bytes.end()}};
}

QByteArray contentOf(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

// Numbers of a StripedHyena block, three channels of two modes, that float32 holds exactly.
const std::vector<float> poles{0.5f, 0.25f, -0.75f, 0, 0.125f, -0.5f, 0.875f, 0, 0.5f, 0.5f, -0.25f, 0.625f};
const std::vector<float> residues{1, -2, 0.5f, 0, 3, 0.25f, -1, 0, 0.75f, 1.5f, -0.5f, 2};
const std::vector<float> skips{0.5f, -1, 2};

}  // namespace

class TestModalPairs : public QObject {
  Q_OBJECT

  QTemporaryDir m_folder;
  QString in(const QString& name) const { return m_folder.filePath(name); }
  std::shared_ptr<const Checkpoint> striped() {
    const QString path = in("striped.safetensors");
    if (!QFile::exists(path)) {
      // Blocks 0 and 1 are of attention.
      writers::save(path, writers::safetensors({writers::floats("blocks.0.pre_norm.scale", {1}, {1}),
                                                writers::floats("blocks.1.pre_norm.scale", {1}, {1}),
                                                writers::floats("blocks.2.filter.poles", {3, 2, 1, 2}, poles),
                                                writers::floats("blocks.2.filter.residues", {3, 2, 1, 2}, residues),
                                                writers::floats("blocks.2.filter.D", {3}, skips)}));
    }
    return Checkpoint::open(path.toStdString(), {}, {{"filter length", "64"}});
  }

 private Q_SLOTS:
  // Every type, by our own reader; the layout's details (alignment, checksums) byte by byte.
  void torchArchivesAreReadBack() {
    const std::vector<TorchTensor> tensors{tensor<double>("a.f64", DataType::f64, {2}, {1.5, -2}),
                                           tensor<float>("a.f32", DataType::f32, {1, 3}, {1, 2, 3}),
                                           tensor<std::complex<float>>("c64", DataType::c64, {2}, {{1, 2}, {3, -4}}),
                                           tensor<Complex>("c128", DataType::c128, {1}, {{5, 6}}),
                                           tensor<std::int64_t>("i64", DataType::i64, {1}, {std::int64_t(1) << 40}),
                                           tensor<std::int32_t>("i32", DataType::i32, {}, {-7}),
                                           tensor<std::uint8_t>("u8", DataType::u8, {0, 4}, {}),
                                           tensor<std::uint8_t>("flag", DataType::boolean, {2}, {1, 0})};
    const QString path = in("types.pt");
    ReplacedFiles files;
    files.write(path.toStdString(), [&](std::ostream& out) {
      writeTorchTensors(out, "types", tensors, {{"format", "x"}, {"plan", "{}"}});
    });
    QVERIFY(!QFile::exists(path));
    files.commit();
    const auto file = openTensorFile(path.toStdString());
    QCOMPARE(file->tensors().size(), tensors.size());
    QCOMPARE(file->metadata().at("plan").get<std::string>(), std::string("{}"));
    QCOMPARE(file->doubles("a.f64"), (std::vector<double>{1.5, -2}));
    QCOMPARE(file->doubles("a.f32"), (std::vector<double>{1, 2, 3}));
    QCOMPARE(file->find("a.f32")->shape, (std::vector<std::int64_t>{1, 3}));
    QCOMPARE(file->complexes("c64"), (std::vector<Complex>{{1, 2}, {3, -4}}));
    QCOMPARE(file->complexes("c128"), (std::vector<Complex>{{5, 6}}));
    QCOMPARE(file->doubles("i64").front(), std::ldexp(1, 40));
    QCOMPARE(file->doubles("i32"), std::vector<double>{-7});
    QCOMPARE(file->find("u8")->shape, (std::vector<std::int64_t>{0, 4}));
    QCOMPARE(file->doubles("flag"), (std::vector<double>{1, 0}));

    const std::string bytes = contentOf(path).toStdString();
    int members = 0;
    for (std::size_t at = 0; (at = bytes.find("PK\3\4", at)) != std::string::npos; ++members) {
      std::uint16_t name = 0, extra = 0;
      std::uint32_t crc = 0, size = 0;
      std::memcpy(&crc, bytes.data() + at + 14, 4);
      std::memcpy(&size, bytes.data() + at + 22, 4);
      std::memcpy(&name, bytes.data() + at + 26, 2);
      std::memcpy(&extra, bytes.data() + at + 28, 2);
      const std::size_t start = at + 30 + name + extra;
      QCOMPARE(start % 64, std::size_t(0));
      QCOMPARE(crc, writers::crc32(bytes.substr(start, size)));
      at = start + size;
    }
    QCOMPARE(members, int(tensors.size()) + 3);
  }

  // A file that PyTorch 1.13 wrote and one that it loaded from us and saved again (tests/bench/peers/torch_formats.py):
  // the same values.
  void filesOfPyTorchAreRead() {
    const auto file = openTensorFile(POLECAT_TEST_DATA "/torch/approx_poles_3.pt");
    QCOMPARE(file->tensors().size(), std::size_t(1));
    QCOMPARE(file->tensors()[0].name, std::string("approx_poles_3"));
    QCOMPARE(file->tensors()[0].shape, (std::vector<std::int64_t>{2, 3}));
    const std::vector<Complex> all = file->complexes("approx_poles_3");
    for (std::size_t n = 0; n < 2; ++n)
      for (std::size_t c = 0; c < 3; ++c)
        QCOMPARE(all[n * 3 + c], Complex(poles[4 * c + 2 * n], poles[4 * c + 2 * n + 1]));
    const auto types = openTensorFile(POLECAT_TEST_DATA "/torch/types.pt");
    QCOMPARE(types->doubles("f16"), (std::vector<double>{0.5, -2, 65504}));
    QCOMPARE(types->doubles("bf16"), (std::vector<double>{0.5, -2, std::ldexp(255, 120)}));
    QCOMPARE(types->complexes("complex"), (std::vector<Complex>{{1, -2}, {3, 4}}));
    QCOMPARE(types->doubles("transposed"), (std::vector<double>{0, 3, 1, 4, 2, 5}));
    QCOMPARE(types->doubles("i16"), (std::vector<double>{-3, 300}));
    QCOMPARE(types->find("tied")->storage, types->find("weight")->storage);
  }

  // A view that PyTorch keeps conjugated and negated in name only: metadata after the hooks.
  void conjugatedViewsAreRead() {
    using namespace writers::pickle;
    const std::string store = storage("ComplexFloatStorage", "0", 1);
    const auto view = [&](const std::string& metadata) {
      return call("torch._utils", "_rebuild_tensor_v2",
                  tuple({store, integer(0), integers({1}), integers({1}), "\x89",
                         call("collections", "OrderedDict", ")"), metadata}));
    };
    writers::save(in("conj.pt"), writers::torchZip(stream(dict({{"c", view(dict({{"conj", "\x88"}}))},
                                                                {"n", view(dict({{"neg", "\x88"}}))},
                                                                {"plain", view("}")}})),
                                                   {writers::little(3.f) + writers::little(-4.f)}));
    const auto file = openTensorFile(in("conj.pt").toStdString());
    QCOMPARE(file->complexes("plain").front(), Complex(3, -4));
    QCOMPARE(file->complexes("c").front(), Complex(3, 4));
    QCOMPARE(file->complexes("n").front(), Complex(-3, 4));
    QVERIFY(file->find("c")->storage != file->find("plain")->storage);
  }

  // What a StripedHyena file holds already goes out and comes back with every bit.
  void ownPolesSurviveTheRoundTrip() {
    const auto checkpoint = striped();
    Distilled none;
    none.banks.push_back({"blocks.2.filter", {{}, {}, {}}});
    const auto blocks = modalPairs(none, *checkpoint);
    QCOMPARE(blocks.size(), std::size_t(1));
    QCOMPARE(blocks[0].block, 2);
    QCOMPARE(blocks[0].modes, 2);
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t n = 0; n < 2; ++n) {
        QCOMPARE(blocks[0].poles[n * 3 + c], std::complex<float>(poles[4 * c + 2 * n], poles[4 * c + 2 * n + 1]));
        QCOMPARE(blocks[0].residues[n * 3 + c],
                 std::complex<float>(residues[4 * c + 2 * n], residues[4 * c + 2 * n + 1]));
      }
    QCOMPARE(blocks[0].skip, skips);
    const QString folder = in("own/pairs");
    writeModalPairs(blocks, folder.toStdString());
    QCOMPARE(QDir(folder).entryList(QDir::Files).join(' '),
             QString("approx_D_3.pt approx_poles_3.pt approx_residues_3.pt"));
    const auto back = Checkpoint::open(folder.toStdString(), {}, {{"filter length", "64"}});
    QCOMPARE(back->report().family, std::string("Poles and residues"));
    QCOMPARE(back->banks()[0].path, std::string("blocks.2.filter"));
    for (int c = 0; c < 3; ++c) {
      QCOMPARE(back->filter({0, c})->taps, checkpoint->filter({0, c})->taps);
      QCOMPARE(back->filter({0, c})->skip, checkpoint->filter({0, c})->skip);
      QCOMPARE(back->filterName({0, c}), checkpoint->filterName({0, c}));
    }
    // Written again, byte for byte the same.
    const QByteArray before = contentOf(folder + "/approx_residues_3.pt");
    writeModalPairs(blocks, folder.toStdString());
    QVERIFY(!before.isEmpty());
    QCOMPARE(contentOf(folder + "/approx_residues_3.pt"), before);
    QCOMPARE(QDir(folder).entryList(QDir::Files | QDir::Hidden).size(), qsizetype(3));
  }

  // Models of ours: operator response h + D delta, evaluated as the official code would, equals ours to float32.
  void fittedModelsKeepTheirResponse() {
    const auto checkpoint = striped();
    StateSpace model;
    model.feedthrough = 1.25;
    model.modes.push_back({{std::log(0.9), 0.7}, {0.5, -0.25}, true});
    model.modes.push_back({{std::log(0.6), 0}, {-0.75, 0}, false});
    model.modes.push_back({{std::log(0.3), std::acos(-1.)}, {0.125, 0}, false});
    Distilled distilled;
    distilled.banks.push_back({"blocks.2.filter", {DistilledFilter{model, 0.5, 0, 0}, {}, {}}});
    const auto blocks = modalPairs(distilled, *checkpoint);
    QCOMPARE(blocks[0].modes, 3);
    const auto wanted = model.impulseResponse(40);
    for (int t = 0; t < 40; ++t) {
      double h = t == 0 ? blocks[0].skip[0] : 0;
      for (std::size_t n = 0; n < 3; ++n)
        h += (Complex(blocks[0].residues[3 * n]) * std::pow(Complex(blocks[0].poles[3 * n]), t)).real();
      QVERIFY(std::abs(h - (wanted[std::size_t(t)] + (t == 0 ? 0.5 : 0))) < 1e-6);
    }
    // The other channels are padded with modes that do nothing, and that no loader takes the logarithm of zero of.
    QCOMPARE(blocks[0].poles[2 * 3 + 1], std::complex<float>(0.5f));
    QCOMPARE(blocks[0].residues[2 * 3 + 1], std::complex<float>(0.f));
  }

  void refusesWhatTheFormCannotHold() {
    const auto checkpoint = striped();
    StateSpace delay;
    delay.modes.push_back({{std::log(1e-9), 0}, {1, 0}, false});
    Distilled distilled;
    distilled.banks.push_back({"blocks.2.filter", {{}, DistilledFilter{delay, 0, 0, 0}, {}}});
    try {
      (void)modalPairs(distilled, *checkpoint);
      QFAIL("accepted");
    } catch (const Error& error) {
      QVERIFY(error.kind() == ErrorKind::output);
      QVERIFY2(QString(error.what()).contains("filter 2.1"), error.what());
    }
    const auto hyena = Checkpoint::open(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
    Distilled none;
    for (const Bank& bank : hyena->banks())
      none.banks.push_back({bank.path, std::vector<std::optional<DistilledFilter>>(std::size_t(bank.channels))});
    QVERIFY_THROWS_EXCEPTION(Error, (void)modalPairs(none, *hyena));
    QVERIFY_THROWS_EXCEPTION(Error, (void)modalPairs({}, *checkpoint));
  }

  // Models of every format come back with every bit.
  void distilledFilesComeBackBitForBit_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"d.safetensors", "d.h5", "d.pt"}) QTest::newRow(name) << QString(name);
  }
  void distilledFilesComeBackBitForBit() {
    QFETCH(QString, name);
    StateSpace model;
    model.feedthrough = 1. / 3;
    model.modes.push_back({{-1e-9, 0.1}, {1. / 7, -1. / 11}, true});
    model.modes.push_back({{-2.5, std::acos(-1.)}, {1e-30, 0}, false});
    Distilled distilled;
    distilled.metadata = {{"source_file", "x"}, {"family", "Hyena"}, {"plan", R"({"a": 1})"}, {"length", "64"}};
    distilled.banks.push_back({"layers.1.q", {std::nullopt, DistilledFilter{model, 1e-17, 0.25, std::nan("")}}});
    distilled.banks.push_back({"layers.0.q", {DistilledFilter{model, -2, 1. / 3, 0.125}}});
    writeDistilled(distilled, in(name).toStdString());
    const Distilled back = readDistilled(in(name).toStdString());
    QCOMPARE(back.banks.size(), std::size_t(2));
    for (std::size_t b = 0; b < 2; ++b) {
      QCOMPARE(back.banks[b].path, distilled.banks[b].path);
      QCOMPARE(back.banks[b].filters.size(), distilled.banks[b].filters.size());
      for (std::size_t c = 0; c < back.banks[b].filters.size(); ++c) {
        const auto &one = back.banks[b].filters[c], &other = distilled.banks[b].filters[c];
        QCOMPARE(one.has_value(), other.has_value());
        if (!one) continue;
        const auto same = [](double x, double y) { return std::memcmp(&x, &y, sizeof x) == 0; };
        QVERIFY(same(one->model.feedthrough, other->model.feedthrough) && same(one->skip, other->skip));
        QVERIFY(same(one->errorRelative, other->errorRelative));
        QVERIFY(same(one->certificate, other->certificate) || std::isnan(other->certificate));
        for (std::size_t m = 0; m < 2; ++m) {
          QCOMPARE(one->model.modes[m].logPole, other->model.modes[m].logPole);
          QCOMPARE(one->model.modes[m].residue, other->model.modes[m].residue);
        }
      }
    }
    for (const auto& [key, value] : distilled.metadata) QCOMPARE(back.metadata.at(key), value);
    const CheckpointReport report = Checkpoint::open(in(name).toStdString())->report();
    QCOMPARE(report.family, std::string("Distilled models"));
    QVERIFY(report.missing.empty() && report.extra.empty());
  }

  // The disk is full in the middle of an export: the old files stay as they were, and nothing is left behind.
  void aFullDiskKeepsTheOldFiles_data() { distilledFilesComeBackBitForBit_data(); }
  void aFullDiskKeepsTheOldFiles() {
    QFETCH(QString, name);
    QTemporaryDir folder;
    const std::string target = folder.filePath(name).toStdString();
    StateSpace model;
    for (int k = 1; k <= 40; ++k) model.modes.push_back({{-0.01 * k, 0.05 * k}, {1, 0}, true});
    Distilled distilled;
    distilled.metadata = {{"length", "64"}};
    distilled.banks.push_back({"b", std::vector<std::optional<DistilledFilter>>(50, DistilledFilter{model, 0, 0, 0})});
    writeDistilled(distilled, target);
    const QByteArray before = contentOf(folder.filePath(name));
    QVERIFY(before.size() > 60000);
    distilled.banks[0].filters.resize(60);

    rlimit old{};
    QCOMPARE(::getrlimit(RLIMIT_FSIZE, &old), 0);
    const auto ignored = std::signal(SIGXFSZ, SIG_IGN);  // writing beyond the limit fails as on a full disk
    rlimit small = old;
    small.rlim_cur = 40000;
    QCOMPARE(::setrlimit(RLIMIT_FSIZE, &small), 0);
    std::string sentence;
    try {
      writeDistilled(distilled, target);
    } catch (const Error& error) {
      sentence = error.what();
      QVERIFY(error.kind() == ErrorKind::output);
    }
    QCOMPARE(::setrlimit(RLIMIT_FSIZE, &old), 0);
    std::signal(SIGXFSZ, ignored);
    QVERIFY2(sentence.find("could not be written") != std::string::npos, sentence.c_str());
    QCOMPARE(contentOf(folder.filePath(name)), before);
    QCOMPARE(QDir(folder.path()).entryList(QDir::Files | QDir::Hidden), QStringList{name});
  }
  void aClosedFolderIsSaid() {
    ReplacedFiles files;
    QVERIFY_THROWS_EXCEPTION(Error, files.write(in("absent/x.pt").toStdString(), [](std::ostream& out) { out << "x"; }));
  }
};

QTEST_GUILESS_MAIN(TestModalPairs)
#include "test_modalpairs.moc"
