// What README and the help pages tell people to type works as it stands there; what they show is what the program draws;
// their loader loads in PyTorch, where there is one (POLECAT_TORCH_PYTHON names a python3 that has it).
#include <QDir>
#include <QDirIterator>
#include <QFile>
#include <QFileInfo>
#include <QImage>
#include <QRegularExpression>
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

// What README and the help pages write as code, between backticks.
QStringList quoted(const QString& text) {
  QStringList found;
  const QRegularExpression code("`([^`\n]+)`");
  for (auto match = code.globalMatch(text); match.hasNext();) found << match.next().captured(1);
  return found;
}

// The figures in `folder`, by their path from there.
QStringList figuresIn(const QString& folder) {
  QStringList found;
  for (QDirIterator files(folder, {"*.png"}, QDir::Files, QDirIterator::Subdirectories); files.hasNext();)
    found << QDir(folder).relativeFilePath(files.next());
  found.sort();
  return found;
}

const QString top = QStringLiteral(POLECAT_RESOURCES "/..");

// The mean difference of two pictures of one size, of 255; other processors may round a pixel otherwise.
double difference(const QImage& one, const QImage& other) {
  double sum = 0;
  for (int y = 0; y < one.height(); ++y)
    for (int x = 0; x < one.width(); ++x) sum += std::abs(qGray(one.pixel(x, y)) - qGray(other.pixel(x, y)));
  return sum / (double(one.width()) * one.height());
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

  // What is not the program: our scripts, and CMake with our presets. tests/package/run, tests/run and
  // tests/package/bareroot go through them; here it is enough that they are there.
  void everyOtherCommandIsThere() {
    QProcess cmake;
    cmake.setWorkingDirectory(top);
    cmake.start("cmake", {"--list-presets=all"});
    QVERIFY(cmake.waitForFinished());
    const QString presets = QString::fromUtf8(cmake.readAllStandardOutput()), readme = document("../README.md");
    QStringList lines;
    for (const QString& line : readme.split('\n')) {
      if (!line.startsWith("    ") || line.startsWith("    polecat ")) continue;
      for (const QString& part : line.section('#', 0, 0).split("&&")) lines << part.simplified();
    }
    QVERIFY(lines.size() >= 6);
    int scripts = 0;
    for (const QString& line : lines + quoted(readme)) {
      const QString word = line.section(' ', 0, 0);
      const QRegularExpressionMatch preset = QRegularExpression("^c(?:make|test) .*--preset ([a-z]+)").match(line);
      if (preset.hasMatch()) {
        QVERIFY2(presets.contains('"' + preset.captured(1) + '"'), qPrintable(line));
      } else if (word.startsWith("./app/") || word.startsWith("./tests/") || word.startsWith("tests/")) {
        const QFileInfo named(top + '/' + word);
        QVERIFY2(named.exists(), qPrintable(line));
        scripts += named.isFile() && named.isExecutable();
      } else {
        QVERIFY2(!lines.contains(line) || line == "cd .build/package" || line == "cpack" || line.startsWith("cmake --build "),
                 qPrintable(line + ": who tries it?"));
      }
    }
    QVERIFY(scripts >= 6);
  }

  // Each option that the table of verbs names is one of that verb, and each that a page names of some verb.
  void everyOptionIsThere_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("help");
    QString all;
    const QRegularExpression row("^\\| `(\\w+) [^\n]*", QRegularExpression::MultilineOption);
    for (auto match = row.globalMatch(document("../README.md")); match.hasNext();) {
      const QRegularExpressionMatch found = match.next();
      const QString verb = found.captured(1);
      const Result help = polecat({verb, "--help"});
      QVERIFY2(help.exit == 0, qPrintable(verb));
      all += QString::fromUtf8(help.out);
      QTest::newRow(qPrintable(verb)) << found.captured(0) << QString::fromUtf8(help.out);
    }
    for (const char* page : {"tutorial", "methods", "benchmarking", "recipes", "glossary"})
      QTest::newRow(page) << document(QStringLiteral("help/%1.md").arg(page)) << all;
  }
  void everyOptionIsThere() {
    QFETCH(QString, text);
    QFETCH(QString, help);
    const QRegularExpression option("--[a-z][a-z-]+");
    for (const QString& code : quoted(text))
      for (auto match = option.globalMatch(code); match.hasNext();) {
        const QString name = match.next().captured();
        QVERIFY2(QRegularExpression(name + "\\b(?!-)").match(help).hasMatch(), qPrintable(name));
      }
  }

  void theProgramDrawsEveryFigure() {
    const QString help = QStringLiteral(POLECAT_RESOURCES "/help"), drawn = m_folder.filePath("drawn");
    QProcess script;
    script.start(help + "/figures/draw", {POLECAT_BINARY, drawn});
    QVERIFY(script.waitForFinished(300000));
    QVERIFY2(script.exitCode() == 0, script.readAllStandardError().constData());
    QStringList named;
    for (const QString& page : QDir(help).entryList({"*.md"})) {
      const QRegularExpression picture("\\]\\((figures/[^)]+)\\)");
      for (auto found = picture.globalMatch(document("help/" + page)); found.hasNext();)
        named << found.next().captured(1);
    }
    named.sort();
    QCOMPARE(figuresIn(drawn), named);
    QCOMPARE(figuresIn(help), named);
    for (const QString& name : named) {
      const QImage kept(help + "/" + name), now(drawn + "/" + name);
      QVERIFY2(!kept.isNull() && kept.size() == now.size(), qPrintable(name));
      QVERIFY2(difference(kept, now) < 0.5, qPrintable(name + ": figures/draw draws it otherwise now"));
    }
    QFile keys(drawn + "/keys.md");
    QVERIFY(keys.open(QIODevice::ReadOnly));
    QCOMPARE(document("help/keys.md"), QString::fromUtf8(keys.readAll()));  // as figures/draw prints it
  }

  void everyMethodIsExplainedWithItsPicture() {
    const QString page = document("help/methods.md");
    const nlohmann::json methods = polecat({"methods", "--json"}).json()["methods"];
    QVERIFY(methods.size() >= 10);
    for (const auto& method : methods) {
      const QString name = QString::fromStdString(method["name"].get<std::string>());
      QVERIFY2(page.contains("`" + name + "`"), qPrintable(name));
      QVERIFY2(page.contains("(figures/methods/" + name + ".png)"), qPrintable(name));
    }
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
