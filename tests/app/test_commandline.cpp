// What every verb promises: help, usage errors, exit codes, one sentence on stderr, nothing half written.
#include <QDir>
#include <QFile>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QTest>
#include <csignal>

#include "analysis/reduction/distilled.h"
#include "binary.h"

namespace {

void write(const QString& path, const QByteArray& bytes) {
  QFile file(path);
  QVERIFY2(file.open(QIODevice::WriteOnly), qPrintable(path));
  QCOMPARE(file.write(bytes), qint64(bytes.size()));
}

QByteArray read(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

// Waits until the program takes SIGINT itself: before that it dies of it, and how long that is depends on the build.
bool takesInterrupts(const QProcess& process) {
  const QString status = QString("/proc/%1/status").arg(process.processId());
  return QTest::qWaitFor(
      [&] {
        for (const QByteArray& line : read(status).split('\n'))
          if (line.startsWith("SigBlk:")) return (line.mid(7).trimmed().toULongLong(nullptr, 16) >> (SIGINT - 1) & 1) != 0;
        return false;
      },
      30000);
}

const QStringList verbs = {"inspect", "distill", "evaluate", "generate", "plot",
                           "compare", "methods", "families", "devices", "bench"};

}  // namespace

class TestCommandline : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_folder;
  QString in(const QString& name) const { return m_folder.filePath(name); }

 private Q_SLOTS:
  void versionAndHelp() {
    const Result version = polecat({"--version"});
    QCOMPARE(version.exit, 0);
    QVERIFY(version.out.startsWith("polecat "));
    const Result help = polecat({"--help"});
    QCOMPARE(help.exit, 0);
    QVERIFY(help.out.contains("Exit codes"));
    for (const QString& verb : verbs) {
      QVERIFY2(help.out.contains(verb.toUtf8()), qPrintable(verb));
      const Result own = polecat({verb, "--help"});
      QCOMPARE(own.exit, 0);
      QVERIFY2(own.out.contains("--json") && own.err.isEmpty(), qPrintable(verb));
    }
  }

  void usageErrors_data() {
    QTest::addColumn<QStringList>("words");
    QTest::addColumn<QString>("mentions");
    const QString model = sample(), text = sampleText();
    QTest::newRow("mistyped verb") << QStringList{"inspct"} << "inspct";
    QTest::newRow("unknown option") << QStringList{"--frobnicate"} << "--frobnicate";
    QTest::newRow("no file") << QStringList{"inspect"} << "FILE";
    QTest::newRow("length 0") << QStringList{"inspect", model, "--length", "0"} << "--length";
    QTest::newRow("length beyond the taps") << QStringList{"inspect", model, "--length", "5000"} << "1024";
    QTest::newRow("taps as text") << QStringList{"inspect", model, "--taps", in("taps.txt")} << ".safetensors";
    QTest::newRow("headers and filters") << QStringList{"inspect", model, "--headers", "--filter", "0.0"}
                                         << "--headers";
    QTest::newRow("no order") << QStringList{"distill", model, "-o", in("x.safetensors")} << "--order";
    QTest::newRow("order and tolerance") << QStringList{"distill", model, "-o",          in("x.h5"),
                                                        "--order", "8",   "--tolerance", "0.1"}
                                         << "--tolerance";
    QTest::newRow("order 0") << QStringList{"distill", model, "-o", in("x.h5"), "--order", "0"} << "--order";
    QTest::newRow("order in words") << QStringList{"distill", model, "-o", in("x.h5"), "--order", "many"} << "many";
    QTest::newRow("tolerance -1") << QStringList{"distill", model, "-o", in("x.h5"), "--tolerance", "-1"} << "-1";
    QTest::newRow("tolerance nan") << QStringList{"distill", model, "-o", in("x.h5"), "--tolerance", "nan"} << "nan";
    QTest::newRow("output .zip") << QStringList{"distill", model, "-o", in("x.zip"), "--order", "8"} << ".h5";
    QTest::newRow("threads -1") << QStringList{"distill", model, "-o", in("x.h5"), "--order", "8", "--threads", "-1"}
                                << "--threads";
    QTest::newRow("plan without an order")
        << QStringList{"distill", model, "-o", in("x.h5"), "--orders", "0.*"} << "0.*";
    QTest::newRow("plan with order 0") << QStringList{"distill", model, "-o", in("x.h5"), "--orders", "0.*=0"}
                                       << "4096";
    QTest::newRow("plan and filters") << QStringList{"distill",  model,   "-o",        in("x.h5"),
                                                     "--orders", "0.*=8", "--filters", "0.1"}
                                      << "--filters";
    QTest::newRow("loss without a text") << QStringList{"distill", model, "-o", in("x.h5"), "--max-loss", "0.01"}
                                         << "--text";
    QTest::newRow("loss and order") << QStringList{"distill", model,     "-o", in("x.h5"), "--max-loss",
                                                   "0.01",    "--order", "8",  "--text",   text}
                                    << "--max-loss";
    QTest::newRow("loss of some filters")
        << QStringList{"distill", model, "-o", in("x.h5"), "--max-loss", "0.01", "--text", text, "--filters", "0.1"}
        << "--filters";
    QTest::newRow("text without a loss") << QStringList{"distill", model, "-o",     in("x.h5"),
                                                        "--order", "8",   "--text", text}
                                         << "--refit-text";
    QTest::newRow("layers of no models") << QStringList{"evaluate",  model, "--text",     text,
                                                        "--windows", "1",   "--per-layer"}
                                         << "--distilled";
    QTest::newRow("weights of another type")
        << QStringList{"evaluate", model, "--text", text, "--weights", "int4"} << "int4";
    QTest::newRow("setting without a value") << QStringList{"inspect", model, "--set", "shift"} << "NAME=VALUE";
    QTest::newRow("figure .gif") << QStringList{"plot", model, "--filter", "0.0", "-o", in("f.gif")} << ".svg";
    QTest::newRow("figure of many filters")
        << QStringList{"plot", model, "--filter", "0.*", "-o", in("f.png")} << "128";
    QTest::newRow("poles of no fit") << QStringList{"plot",   model,   "--filter", "0.0",
                                                    "--view", "poles", "-o",       in("f.png")}
                                     << "--order";
    QTest::newRow("size of a wall") << QStringList{"plot",   model,      "--filter", "0.0",
                                                   "--size", "99999x10", "-o",       in("f.png")}
                                    << "8192";
    QTest::newRow("order -3") << QStringList{"compare", model, "--filter", "0.0", "--orders", "4,-3"} << "-3";
    QTest::newRow("no text") << QStringList{"evaluate", model} << "--text";
    QTest::newRow("windows 0") << QStringList{"evaluate", model, "--text", text, "--windows", "0"} << "--windows";
    QTest::newRow("evaluate modal without models")
        << QStringList{"evaluate", model, "--text", text, "--mode", "modal"} << "--distilled";
    QTest::newRow("no prompt") << QStringList{"generate", model} << "--prompt";
    QTest::newRow("empty prompt") << QStringList{"generate", model, "--prompt", ""} << "--prompt";
    QTest::newRow("both prompts") << QStringList{"generate", model, "--prompt", "a", "--prompt-file", text}
                                  << "--prompt";
    QTest::newRow("tokens 0") << QStringList{"generate", model, "--prompt", "a", "--tokens", "0"} << "--tokens";
    QTest::newRow("temperature -1") << QStringList{"generate", model, "--prompt", "a", "--temperature", "-1"}
                                    << "--temperature";
    QTest::newRow("temperature nan") << QStringList{"generate", model, "--prompt", "a", "--temperature", "nan"}
                                     << "--temperature";
    QTest::newRow("top-p 0") << QStringList{"generate", model, "--prompt", "a", "--top-p", "0"} << "--top-p";
    QTest::newRow("top-p 2") << QStringList{"generate", model, "--prompt", "a", "--top-p", "2"} << "--top-p";
    QTest::newRow("top-k -1") << QStringList{"generate", model, "--prompt", "a", "--top-k", "-1"} << "--top-k";
    QTest::newRow("seed -1") << QStringList{"generate", model, "--prompt", "a", "--seed", "-1"} << "--seed";
    QTest::newRow("unknown mode") << QStringList{"generate", model, "--prompt", "a", "--mode", "magic"} << "--mode";
    QTest::newRow("attention without attention")
        << QStringList{"generate", model, "--prompt", "a", "--mode", "attention"} << "attention";
    QTest::newRow("compare one mode") << QStringList{"generate", model, "--prompt", "a", "--compare", "--mode", "modal"}
                                      << "--compare";
  }
  void usageErrors() {
    QFETCH(QStringList, words);
    QFETCH(QString, mentions);
    const Result result = polecat(words);
    QCOMPARE(result.exit, 2);
    QVERIFY2(isOneSentence(result.err), result.err.constData());
    QVERIFY2(result.err.contains(mentions.toUtf8()), result.err.constData());
    QVERIFY(result.out.isEmpty());
  }

  void badFiles_data() {
    QTest::addColumn<QString>("file");
    const QByteArray model = read(sample());
    QVERIFY(model.size() > 100000);
    write(in("truncated.ckpt"), model.left(model.size() / 2));
    write(in("magic.ckpt"), "GIF89a" + QByteArray(4096, 'x'));
    write(in("magic.safetensors"), QByteArray(64, '\xff'));
    write(in("empty.ckpt"), "");
    write(in("shards.safetensors.index.json"),
          R"({"metadata": {}, "weight_map": {"layers.0.w": "model-00001-of-00002.safetensors"}})");
    QVERIFY(QDir(m_folder.path()).mkdir("nothing"));
    QTest::newRow("absent") << in("absent.ckpt");
    QTest::newRow("truncated") << in("truncated.ckpt");
    QTest::newRow("wrong magic") << in("magic.ckpt");
    QTest::newRow("wrong magic, safetensors") << in("magic.safetensors");
    QTest::newRow("empty") << in("empty.ckpt");
    QTest::newRow("missing shard") << in("shards.safetensors.index.json");
    QTest::newRow("empty folder") << in("nothing");
    QTest::newRow("pickle that calls os.system") << QStringLiteral(POLECAT_TEST_DATA "/bad/ossystem.ckpt");
    QTest::newRow("text") << sampleText();
  }
  void badFiles() {
    QFETCH(QString, file);
    for (const QStringList& words :
         {QStringList{"inspect", file}, QStringList{"distill", file, "--order", "8", "-o", in("never.h5")},
          QStringList{"evaluate", file, "--text", sampleText()}, QStringList{"generate", file, "--prompt", "a"}}) {
      const Result result = polecat(words);
      QCOMPARE(result.exit, 3);
      QVERIFY2(isOneSentence(result.err), result.err.constData());
      QVERIFY(result.out.isEmpty());
    }
    QVERIFY(!QFile::exists(in("never.h5")));
  }

  void otherExitCodes_data() {
    QTest::addColumn<QStringList>("words");
    QTest::addColumn<int>("exit");
    const QString model = sample();
    write(in("short.txt"), "too short");
    QTest::newRow("filter that is not there") << QStringList{"inspect", model, "--filter", "99.0"} << 3;
    QTest::newRow("distilled that is none")
        << QStringList{"generate", model, "--prompt", "a", "--distilled", sampleText()} << 3;
    QTest::newRow("text too short") << QStringList{"evaluate", model, "--text", in("short.txt")} << 3;
    QTest::newRow("text absent") << QStringList{"evaluate", model, "--text", in("absent.txt")} << 3;
    QTest::newRow("prompt file is a folder") << QStringList{"generate", model, "--prompt-file", in("nothing")} << 3;
    QTest::newRow("unknown device") << QStringList{"generate", model, "--prompt", "a", "--device", "gpu9"} << 5;
    QTest::newRow("folder that is not there")
        << QStringList{"distill", model, "--order", "8", "-o", in("no/where.safetensors")} << 6;
    QTest::newRow("setting that is none") << QStringList{"inspect", model, "--set", "colour=red"} << 3;
    QTest::newRow("figure into a missing folder")
        << QStringList{"plot", model, "--filter", "0.0", "-o", in("no/f.png")} << 6;
    QTest::newRow("taps into a missing folder") << QStringList{"inspect", model, "--taps", in("no/t.safetensors")} << 6;
  }
  void otherExitCodes() {
    QFETCH(QStringList, words);
    QFETCH(int, exit);
    const Result result = polecat(words);
    QCOMPARE(result.exit, exit);
    QVERIFY2(isOneSentence(result.err), result.err.constData());
    QVERIFY(result.out.isEmpty());
  }

  // What --help offers, the manual page and every completion offer too; a shell can read the completion.
  void documentsKnowEveryOption() {
    const QByteArray manual = polecat({"document", "man"}).out.replace("\\-", "-");
    const QByteArray bash = polecat({"document", "bash"}).out, zsh = polecat({"document", "zsh"}).out,
                     fish = polecat({"document", "fish"}).out;
    const QRegularExpression option("^ +(?:-\\w,)?--([a-z-]+)", QRegularExpression::MultilineOption);
    int options = 0;
    for (const QString& verb : verbs) {
      const QString help = polecat({verb, "--help"}).out;
      for (auto found = option.globalMatch(help); found.hasNext(); ++options) {
        const QByteArray name = found.next().captured(1).toUtf8();
        for (const QByteArray& document : {manual, bash, zsh}) {
          QVERIFY2(document.contains("--" + name), (verb.toUtf8() + " --" + name).constData());
        }
        QVERIFY2(fish.contains(" -l " + name), name.constData());
      }
    }
    QVERIFY(options > 40);
    QProcess shell;
    shell.start("bash", {"-n"});
    shell.write(bash);
    shell.closeWriteChannel();
    QVERIFY(shell.waitForFinished());
    QCOMPARE(shell.exitCode(), 0);
  }

  void fullDisk() {
    QProcess process;
    process.setStandardOutputFile("/dev/full");
    process.start(POLECAT_BINARY, {"devices"});
    QVERIFY(process.waitForFinished());
    QCOMPARE(process.exitCode(), 6);
    QVERIFY(isOneSentence(process.readAllStandardError()));
  }

  // Ctrl-C in the middle: the exit code says so, the target keeps what it had, and no other file appears.
  void interrupted() {
    QTemporaryDir folder;
    const QString target = folder.filePath("models.safetensors");
    write(target, "before");
    QProcess process;
    process.start(POLECAT_BINARY, {"distill", sample(), "--order", "64", "-o", target});
    QVERIFY(process.waitForStarted());
    QVERIFY(takesInterrupts(process));
    QTest::qWait(400);
    QCOMPARE(process.state(), QProcess::Running);
    QCOMPARE(kill(pid_t(process.processId()), SIGINT), 0);
    QVERIFY(process.waitForFinished(10000));
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
    QCOMPARE(process.exitCode(), 130);
    QVERIFY(isOneSentence(process.readAllStandardError()));
    QCOMPARE(read(target), QByteArray("before"));
    QCOMPARE(QDir(folder.path()).entryList(QDir::Files | QDir::Hidden), QStringList{"models.safetensors"});
  }

  // Stopped, what is finished stays in the file of --resume; the same command goes on from there and ends with the result
  // of a run without a break.
  void resumed() {
    QTemporaryDir folder;
    const QString target = folder.filePath("models.safetensors"), part = folder.filePath("part.safetensors");
    const QStringList request{"distill", sample(), "--order", "12", "--effort", "full", "--filters", "0.0-31",
                              "--threads", "1"};
    const QStringList resuming = request + QStringList{"--resume", part, "-o", target};
    int finished = 0;
    for (int wait = 300; finished == 0; wait *= 2) {  // until the stop comes after the first model
      QProcess process;
      process.start(POLECAT_BINARY, resuming);
      QVERIFY(process.waitForStarted());
      QVERIFY(takesInterrupts(process));
      QVERIFY2(!process.waitForFinished(wait), "it ended before it could be stopped");
      QCOMPARE(kill(pid_t(process.processId()), SIGINT), 0);
      QVERIFY(process.waitForFinished(30000));
      QCOMPARE(process.exitCode(), 130);
      QVERIFY(isOneSentence(process.readAllStandardError()));
      QVERIFY(!QFile::exists(target));
      if (!QFile::exists(part)) continue;
      for (const auto& bank : analysis::readDistilled(part.toStdString()).banks)
        for (const auto& filter : bank.filters) finished += filter.has_value();
    }
    QVERIFY(finished < 32);
    const auto other = polecat(QStringList{"distill", sample(), "--order", "8", "--resume", part, "-o", target});
    QCOMPARE(other.exit, 3);  // another request
    QVERIFY(isOneSentence(other.err));
    QCOMPARE(polecat(resuming).exit, 0);
    QVERIFY(!QFile::exists(part));
    const QString whole = folder.filePath("whole.safetensors");
    QCOMPARE(polecat(request + QStringList{"-o", whole}).exit, 0);
    QCOMPARE(read(target), read(whole));
  }
};

QTEST_GUILESS_MAIN(TestCommandline)
#include "test_commandline.moc"
