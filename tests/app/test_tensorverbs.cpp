// The verbs on files that no family claims, and every format that distill writes.
#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QProcess>
#include <QTest>
#include <cmath>
#include <csignal>
#include <cstring>
#include <sys/resource.h>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/tensors/tensorfile.h"
#include "binary.h"
#include "tests/analysis/hyenamodels.h"

using Json = nlohmann::json;

class TestTensorVerbs : public QObject {
  Q_OBJECT

  QTemporaryDir m_folder;
  QString in(const QString& name) const { return m_folder.filePath(name); }

  // [3, 2, 40]: damped cosines, so that models of order 2 fit; and a vector too short for a filter.
  QString unknown() {
    const QString path = in("unknown.safetensors");
    if (!QFile::exists(path)) {
      std::vector<float> taps;
      for (int c = 0; c < 6; ++c)
        for (int t = 0; t < 40; ++t) taps.push_back(float(std::pow(0.9, t) * std::cos(0.3 * (c + 1) * t)));
      writers::save(path, writers::safetensors({writers::floats("block.cube", {3, 2, 40}, taps),
                                                writers::floats("block.bias", {3}, {1, -2, std::nanf("")})}));
    }
    return path;
  }

 private Q_SLOTS:
  void inspectListsTheTensors() {
    const Result table = polecat({"inspect", unknown()});
    QCOMPARE(table.exit, 0);
    QVERIFY(table.out.contains("Unknown") && table.out.contains("block.cube") && table.out.contains("[3, 2, 40]"));
    QVERIFY(table.err.isEmpty());
    const Json json = polecat({"inspect", unknown(), "--statistics", "--json"}).json();
    QCOMPARE(json["filterCount"], Json(0));
    QCOMPARE(json["tensorTable"].size(), std::size_t(2));
    const Json& bias = json["tensorTable"][0];
    QCOMPARE(bias["name"], Json("block.bias"));
    QCOMPARE(bias["nan"], Json(1));
    QCOMPARE(bias["min"], Json(-2.));
    QCOMPARE(bias["mean"], Json(-0.5));
    QCOMPARE(bias["rms"], Json(std::sqrt(2.5)));
    QVERIFY(!polecat({"inspect", unknown(), "--tensors", "--json"}).json()["tensorTable"][0].contains("mean"));
    // Known families list theirs when asked.
    const Json sampled = polecat({"inspect", sample(), "--tensors", "--headers", "--json"}).json();
    QCOMPARE(sampled["tensorTable"].size(), std::size_t(116));
    QVERIFY(!polecat({"inspect", sample(), "--headers", "--json"}).json().contains("tensorTable"));
  }

  // What a file lacks, has besides and has twice, for people and for programs.
  void inspectListsMissingExtraAndTied() {
    models::Model model(4, 1, 23);
    model.addImplicitFilter("layers.0.mixer.filter_fn.", 4, 20, 5, 3);
    model.erase("layers.0.norm1.weight");
    model.add("layers.0.stranger", {2});
    writers::save(in("lacking.safetensors"), writers::safetensors(model.tensors()));
    const Json json = polecat({"inspect", in("lacking.safetensors"), "--json"}).json();
    QCOMPARE(json["missing"], Json({"layers.0.norm1.weight: needed, not in the file"}));
    QCOMPARE(json["extra"], Json({"layers.0.stranger: unknown"}));
    QCOMPARE(json["tied"].size(), std::size_t(3));  // two of the three freq, and the head
    QCOMPARE(json["languageModel"], Json());
    QCOMPARE(json["filterCount"], Json(4));
    const Result table = polecat({"inspect", in("lacking.safetensors")});
    QCOMPARE(table.exit, 0);
    for (const char* said : {"missing (1)", "layers.0.norm1.weight: needed", "extra (1)", "layers.0.stranger: unknown",
                             "tied (3)", "lm_head.weight: absent"})
      QVERIFY2(table.out.contains(said), said);
    const Result run = polecat({"generate", in("lacking.safetensors"), "--prompt", "a", "--tokens", "2"});
    QCOMPARE(run.exit, 3);
    QVERIFY2(isOneSentence(run.err) && run.err.contains("(layers.0.norm1.weight: needed, not in the file)"),
             run.err.constData());
  }

  // A full disk while taps are written: one sentence, and the file that was there stays.
  void aFullDiskKeepsTheOldTaps() {
    const QString taps = in("taps.safetensors");
    QCOMPARE(polecat({"inspect", unknown(), "--bank", "block.cube", "--axes", "c,0,t", "--taps", taps}).exit, 0);
    QFile file(taps);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QByteArray before = file.readAll();
    QProcess process;
    process.setChildProcessModifier([] {  // writing beyond the limit fails as on a full disk
      std::signal(SIGXFSZ, SIG_IGN);
      const rlimit small{300, 300};
      ::setrlimit(RLIMIT_FSIZE, &small);
    });
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert("LLVM_PROFILE_FILE", "/dev/null");  // a build that counts lines would complain, too
    process.setProcessEnvironment(environment);
    process.start(POLECAT_BINARY, {"inspect", unknown(), "--bank", "block.cube", "--axes", "c,c,t", "--taps", taps});
    QVERIFY(process.waitForFinished(60000));
    const QByteArray said = process.readAllStandardError();
    QCOMPARE(process.exitCode(), 6);
    QVERIFY2(isOneSentence(said) && said.contains("taps.safetensors"), said.constData());
    file.seek(0);
    QCOMPARE(file.readAll(), before);
    QCOMPARE(QDir(m_folder.path()).entryList({"*taps*"}, QDir::Files | QDir::Hidden), QStringList{"taps.safetensors"});
  }

  void anyTensorIsABank() {
    const QString taps = in("taps.npy");
    const Result result =
        polecat({"inspect", unknown(), "--bank", "block.cube", "--axes", "c,1,t", "--taps", taps, "--json"});
    QCOMPARE(result.exit, 0);
    QCOMPARE(result.json()["filterCount"], Json(3));
    QCOMPARE(result.json()["banks"][0]["lengthSamples"], Json(40));
    const auto written = analysis::openTensorFile(taps.toStdString());
    const auto cube = analysis::openTensorFile(unknown().toStdString())->doubles("block.cube");
    QCOMPARE(written->tensors()[0].shape, (std::vector<std::int64_t>{3, 40}));
    const auto values = written->doubles("taps");
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t t = 0; t < 40; ++t) QCOMPARE(values[c * 40 + t], cube[(c * 2 + 1) * 40 + t]);
    // The choice reaches the fits: models of exact order 2.
    const QString models = in("models.safetensors");
    const Json fitted =
        polecat({"distill", unknown(), "--bank", "block.*", "--axes", "c,0,t", "--order", "2", "-o", models}).json();
    const Result of = polecat(
        {"distill", unknown(), "--bank", "block.cube", "--axes", "c,0,t", "--order", "2", "-o", models, "--json"});
    QCOMPARE(of.exit, 0);
    const Json banks = of.json()["banks"];
    QCOMPARE(banks[0]["path"], Json("block.cube"));
    QVERIFY(banks[0]["errorRelative"][0].get<double>() < 1e-4);
    QVERIFY(fitted.is_discarded());  // block.bias has one axis: three words do not fit it
    QCOMPARE(polecat({"plot", unknown(), "--bank", "block.cube", "--filter", "0.1", "-o", in("bank.png")}).exit, 0);
    QVERIFY(QFile::exists(in("bank.png")));
    // The way in which the window prints its commands: the same choice.
    QCOMPARE(polecat({"distill", unknown(), "--set", "bank=block.cube", "--set", "axes=c,0,t", "--order", "2", "-o",
                      models, "--json"})
                 .json()["banks"],
             banks);
  }

  void everyMistakeIsOneSentence_data() {
    QTest::addColumn<QStringList>("words");
    QTest::addColumn<int>("exit");
    QTest::addColumn<QByteArray>("says");
    const QString file = unknown();
    QTest::newRow("axes") << QStringList{"inspect", file, "--bank", "block.cube", "--axes", "c,t"} << 3
                          << QByteArray("do not fit its shape [3, 2, 40]");
    QTest::newRow("tensor") << QStringList{"inspect", file, "--bank", "nothing"} << 3
                            << QByteArray("has no tensor nothing");
    QTest::newRow("axes alone") << QStringList{"inspect", file, "--axes", "t"} << 2 << QByteArray("--bank");
    QTest::newRow("no filters") << QStringList{"distill", file, "--order", "2", "-o", in("x.pt")} << 3
                                << QByteArray("holds no filters");
    QTest::newRow("no figure") << QStringList{"plot", file, "--filter", "0.0", "-o", in("x.png")} << 3 << QByteArray("holds no filters");
    QTest::newRow("two banks, one array") << QStringList{"inspect", sample(), "--taps", in("x.npy")} << 6
                                          << QByteArray("one array cannot hold the 4 banks");
    QTest::newRow("unknown ending") << QStringList{"distill", sample(), "--order", "2", "-o", in("x.bin")} << 2
                                    << QByteArray(".pt");
    QTest::newRow("a file where a folder is asked")
        << QStringList{"distill", sample(), "--order", "2", "-o", in("plainfile")} << 6
        << QByteArray("a folder is asked for");
  }
  void everyMistakeIsOneSentence() {
    QFETCH(QStringList, words);
    QFETCH(int, exit);
    QFETCH(QByteArray, says);
    writers::save(in("plainfile"), "x");
    const Result result = polecat(words);
    QVERIFY2(result.err.contains(says), result.err.constData());
    QCOMPARE(result.exit, exit);
    QVERIFY2(isOneSentence(result.err), result.err.constData());
    QVERIFY(result.out.isEmpty());
  }

  // What a setting does, before it is chosen: the numbers are those of the file read so.
  void readingsStandSideBySide() {
    const Json both =
        polecat({"inspect", sample(), "--filter", "2.7", "--readings", "modulate", "--json"}).json()["readings"];
    QCOMPARE(both.size(), std::size_t(2));
    QCOMPARE(both[0]["value"], Json("on"));
    QCOMPARE(both[0]["inForce"], Json(true));
    QCOMPARE(both[1]["value"], Json("off"));
    const Json off =
        polecat({"inspect", sample(), "--set", "modulate=off", "--filter", "2.7", "--json"}).json()["filters"][0];
    QCOMPARE(both[1]["energy"], off["energy"]);
    QVERIFY(both[1]["differenceRelative"].get<double>() > 0.1);
    const Result table = polecat({"inspect", sample(), "--filter", "2.7", "--readings", "modulate"});
    QVERIFY(table.out.contains("in force") && table.out.contains("off"));
    const Result none = polecat({"inspect", sample(), "--filter", "2.7", "--readings", "width"});
    QCOMPARE(none.exit, 3);
    QVERIFY(isOneSentence(none.err) && none.err.contains("leaves no choice of width"));
  }

  // The three formats hold the same numbers, and the folder of pairs what StripedHyena's loader reads.
  void distillWritesEveryFormat() {
    const QStringList ask{"distill", unknown(), "--bank", "block.cube", "--axes", "c,0,t", "--order", "2", "-o"};
    for (const char* name : {"all.safetensors", "all.pt", "all.h5"})
      QCOMPARE(polecat(ask + QStringList{in(name)}).exit, 0);
    const auto tensors = analysis::openTensorFile(in("all.safetensors").toStdString());
    const auto torch = analysis::openTensorFile(in("all.pt").toStdString());
    QCOMPARE(torch->tensors().size(), tensors->tensors().size());
    for (const auto& info : tensors->tensors()) {
      QCOMPARE(torch->find(info.name)->shape, info.shape);
      QCOMPARE(torch->doubles(info.name), tensors->doubles(info.name));
    }
    QCOMPARE(torch->metadata().at("source_sha256"), tensors->metadata().at("source_sha256"));
    QCOMPARE(polecat(ask + QStringList{in("pairs")}).exit, 0);
    QCOMPARE(QDir(in("pairs")).entryList(QDir::Files).join(' '),
             QString("approx_D_1.pt approx_poles_1.pt approx_residues_1.pt"));
    const Json back = polecat({"inspect", in("pairs"), "--json"}).json();
    QCOMPARE(back["family"], Json("Poles and residues"));
    QCOMPARE(back["filterCount"], Json(3));
  }
};

QTEST_GUILESS_MAIN(TestTensorVerbs)
#include "test_tensorverbs.moc"
