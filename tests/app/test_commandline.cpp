// The program as a shell sees it: exit codes, stdout, stderr.
#include <QProcess>
#include <QTest>

namespace {

struct Result {
  int exit = -1;
  QByteArray out, err;
};

Result polecat(const QStringList& words) {
  QProcess process;
  process.start(POLECAT_BINARY, words);
  if (!process.waitForFinished(300000)) return {};
  return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1, process.readAllStandardOutput(),
          process.readAllStandardError()};
}

// One sentence: one line, with a subject and an end.
bool isOneSentence(const QByteArray& text) {
  return text.startsWith("polecat: ") && text.endsWith(".\n") && text.count('\n') == 1;
}

}  // namespace

class TestCommandline : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void versionAndHelp() {
    const Result version = polecat({"--version"});
    QCOMPARE(version.exit, 0);
    QVERIFY(version.out.startsWith("polecat "));
    const Result help = polecat({"--help"});
    QCOMPARE(help.exit, 0);
    QVERIFY(help.out.contains("Exit codes"));
    QVERIFY(help.err.isEmpty());
  }

  void usageErrors_data() {
    QTest::addColumn<QStringList>("words");
    QTest::newRow("mistyped verb") << QStringList{"inspct"};
    QTest::newRow("unknown option") << QStringList{"--frobnicate"};
  }
  void usageErrors() {
    QFETCH(QStringList, words);
    const Result result = polecat(words);
    QCOMPARE(result.exit, 2);
    QVERIFY2(isOneSentence(result.err), result.err.constData());
    QVERIFY(result.out.isEmpty());
  }
};

QTEST_GUILESS_MAIN(TestCommandline)
#include "test_commandline.moc"
