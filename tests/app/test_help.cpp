// What README and the help pages tell people to type works as it stands there; their loader loads in PyTorch, where there
// is one (POLECAT_TORCH_PYTHON names a python3 that has it).
#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include "binary.h"

namespace {

QString document(const QString& name) {
  QFile file(QStringLiteral(POLECAT_RESOURCES "/") + name);
  return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
}

// The indented lines that call the program.
QStringList commands(const QString& text) {
  QStringList found;
  for (const QString& line : text.split('\n'))
    if (line.startsWith(QLatin1String("    polecat "))) found << line.mid(12);
  return found;
}

// Compares the recurrences of the loader with the taps of the checkpoint: the error must be the one in the file.
constexpr char check[] = R"(
model, taps = load("small.safetensors"), load("taps.safetensors")
for layer in sorted(name[:-6] for name in model if name.endswith(".poles")):
    h = taps["filters." + layer].to(torch.float64)
    impulse = torch.zeros_like(h)
    impulse[:, 0] = 1
    error = (run(model, layer, impulse) - h).norm(dim=1) / h.norm(dim=1)
    assert (error - model[layer + ".error"]).abs().max() < 1e-6, layer
    print(layer, float(error.max()))
)";

}  // namespace

class TestHelp : public QObject {
  Q_OBJECT

  QTemporaryDir m_folder;

 private Q_SLOTS:
  void initTestCase() {
    QVERIFY(QFile::link(QStringLiteral(POLECAT_RESOURCES), m_folder.filePath("resources")));
  }

  void everyCommandWorks_data() {
    QTest::addColumn<QString>("command");
    for (const char* page : {"../README.md", "help/tutorial.md", "help/methods.md", "help/benchmarking.md",
                             "help/recipes.md"}) {
      const QStringList found = commands(document(page));
      QVERIFY2(!found.isEmpty(), page);
      for (int i = 0; i < found.size(); ++i) QTest::addRow("%s %d", page, i + 1) << found[i];
    }
  }
  void everyCommandWorks() {
    QFETCH(QString, command);
    const QStringList words = QProcess::splitCommand(command);
    const Result result = polecat(words, m_folder.path());
    QVERIFY2(result.exit == 0, qPrintable(command + "\n" + QString::fromUtf8(result.err)));
    const qsizetype output = words.indexOf("-o");
    if (output >= 0) QVERIFY(QFile::exists(m_folder.filePath(words[output + 1])));
  }

  void theLoaderLoadsInPyTorch() {
    const QString python = qEnvironmentVariable("POLECAT_TORCH_PYTHON", "python3");
    if (QProcess::execute(python, {"-c", "import torch"}) != 0) QSKIP("no python3 with torch here");
    const QString page = document("help/tutorial.md");
    const QString loader = page.section("```python\n", 1, 1).section("```", 0, 0);
    QVERIFY(loader.contains("def load") && loader.contains("def run"));
    QVERIFY(QFile::exists(m_folder.filePath("small.safetensors")));  // from the commands of the tutorial
    QCOMPARE(polecat({"inspect", sample(), "--filter", "0.0", "--taps", m_folder.filePath("taps.safetensors")}).exit, 0);
    QFile script(m_folder.filePath("loader.py"));
    QVERIFY(script.open(QIODevice::WriteOnly));
    script.write((loader + QString::fromLatin1(check)).toUtf8());
    script.close();
    QProcess process;
    process.setWorkingDirectory(m_folder.path());
    process.start(python, {"loader.py"});
    QVERIFY(process.waitForFinished(300000));
    QVERIFY2(process.exitCode() == 0, process.readAllStandardError().constData());
    QCOMPARE(process.readAllStandardOutput().count('\n'), 4);
  }
};

QTEST_GUILESS_MAIN(TestHelp)
#include "test_help.moc"
