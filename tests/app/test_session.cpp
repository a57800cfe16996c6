// Sessions: the file round trip over all fields, what is refused, what survives, and the window as a session.
#include <QAction>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFile>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSettings>
#include <QTableView>
#include <QTemporaryDir>
#include <QTest>

#include "analysis/checkpoint/sha256.h"
#include "analysis/error.h"
#include "app/banner.h"
#include "app/filterpanel.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "app/sessionfile.h"
#include "tests/app/fulldisk.h"
#include "tests/app/sessionstates.h"
#include "tests/app/shownwindow.h"
#include "widgets/hankelplot.h"
#include "widgets/signalplot.h"
#include "widgets/spectrumplot.h"

using namespace app;

class TestSession : public QObject {
  Q_OBJECT

  const QString m_sample = shownwindow::sample();
  std::unique_ptr<MainWindow> m_window;

  void start() {
    m_window = shownwindow::show({1400, 900});
    QVERIFY(m_window);
  }
  void waitForModel() {
    QVERIFY(shownwindow::waitForFit(*m_window));
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->state().fingerprint.isEmpty(), shownwindow::kPatience);
  }
  QAction* action(const char* name) { return shownwindow::action(*m_window, name); }

 private Q_SLOTS:
  void initTestCase() { shownwindow::prepare("test_session"); }
  void init() {
    QSettings().clear();
    QDir(Journal::folder()).removeRecursively();
  }
  void cleanup() { m_window.reset(); }

  void everyFieldSurvivesTheFile() {
    sessionstates::Random random(7);
    for (int round = 0; round < 300; ++round) {
      const SessionState before = sessionstates::randomState(random, QStringLiteral("/somewhere/else/model.ckpt"));
      const std::string text = sessionText(before, QStringLiteral("/folder/of/the/session"));
      const SessionState after = parseSession(text, QStringLiteral("/folder/of/the/session"), QStringLiteral("s"));
      QVERIFY2(after == before, text.c_str());
      QCOMPARE(sessionText(after, QStringLiteral("/folder/of/the/session")), text);  // same state, same bytes
    }
  }

  void theFileIsReadable() {
    SessionState s;
    s.checkpoint = QStringLiteral("/models/novels.ckpt");
    s.banks = {{"layers.0.mixer.filter_fn", std::vector<int>(128, 16), {3}}};
    s.banks[0].orders[127] = 8;
    const std::string text = sessionText(s, QStringLiteral("/models/work"));
    for (const char* line : {"\"relative\": \"../novels.ckpt\"", "\"orders\": \"16*127 8\"", "\"locked\": \"3\""})
      QVERIFY2(text.find(line) != std::string::npos, text.c_str());
    // Keys keep their places.
    std::size_t at = 0;
    for (const char* key : {"\"polecat\"", "\"version\"", "\"checkpoint\"", "\"banks\"", "\"plan\"", "\"view\"",
                            "\"generation\"", "\"effect\"", "\"reference\""}) {
      const std::size_t next = text.find(key);
      QVERIFY2(next != std::string::npos && next >= at, key);
      at = next;
    }
  }

  void nonsenseIsOneSentence_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("no JSON") << QByteArray("PK\x03\x04");
    QTest::newRow("cut off") << QByteArray("{\"polecat\": \"session\", \"ver");
    QTest::newRow("a list") << QByteArray("[1,2]");
    QTest::newRow("other JSON") << QByteArray("{\"weight_map\": {}}");
    QTest::newRow("newer") << QByteArray("{\"polecat\": \"session\", \"version\": 999}");
    QTest::newRow("wrong type") << QByteArray("{\"polecat\": \"session\", \"plan\": {\"tolerancePercent\": \"much\"}}");
    QTest::newRow("choices of no names") << QByteArray("{\"polecat\": \"session\", \"checkpoint\": {\"choices\": [1]}}");
    QTest::newRow("huge run") << QByteArray(
        "{\"polecat\": \"session\", \"banks\": [{\"path\": \"a\", \"orders\": \"8*2000000000\"}]}");
    QTest::newRow("sum of runs") << QByteArray(
        "{\"polecat\": \"session\", \"banks\": [{\"path\": \"a\", \"orders\": \"8*1000000 8*1000000\"}]}");
    QTest::newRow("no number") << QByteArray("{\"polecat\": \"session\", \"banks\": [{\"orders\": \"8 many\"}]}");
    QTest::newRow("deep") << QByteArray(100000, '[');
  }
  void nonsenseIsOneSentence() {
    QFETCH(QByteArray, text);
    try {
      parseSession(text.toStdString(), QStringLiteral("/"), QStringLiteral("bad.polecat"));
      QFAIL("was taken for a session");
    } catch (const analysis::Error& error) {
      const QString sentence = QString::fromUtf8(error.what());
      QVERIFY2(sentence.startsWith("bad.polecat") && !sentence.contains('\n'), qPrintable(sentence));
    }
  }

  void aFileThatCannotBeWrittenKeepsWhatWasThere() {
    QTemporaryDir folder;
    const QString path = folder.filePath("a.polecat");
    QCOMPARE(writeWhole(path, "the old one"), QString());
    QString full;
    {
      const FullDisk disk(64);
      full = writeWhole(path, std::string(100000, 'x'));
    }
    QVERIFY(full.startsWith("a.polecat could not be written"));
    QCOMPARE(full.count('\n'), 0);
    QFile file(path);
    QVERIFY(file.open(QIODevice::ReadOnly));
    QCOMPARE(file.readAll(), QByteArray("the old one"));
    QCOMPARE(QDir(folder.path()).entryList(QDir::Files).size(), 1);  // no scrap is left
    // A folder that takes no files.
    QVERIFY(!writeWhole(folder.filePath("missing/b.polecat"), "text").isEmpty());
    QVERIFY(!writeWhole(QStringLiteral("/proc/b.polecat"), "text").isEmpty());
  }

  void theFingerprintIsTheHashOfSizeAndEnds() {
    QTemporaryDir folder;
    const QString path = folder.filePath("model.bin");
    QByteArray bytes;
    for (unsigned i = 0; i < 5000000U; ++i) bytes.append(static_cast<char>((i * 7919U) >> 5U));
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(bytes);
    file.close();
    analysis::Sha256 hash;  // an implementation of its own
    const auto add = [&hash](const QByteArray& part) {
      hash.add(std::as_bytes(std::span(part.constData(), static_cast<std::size_t>(part.size()))));
    };
    add("5000000\n");
    add(bytes.left(1 << 20));
    add(bytes.right(1 << 20));
    QCOMPARE(fingerprint(path).toStdString(), hash.finish());
    QVERIFY(fingerprint(folder.filePath("none")).isEmpty());
  }

  void aLockedRowKeepsItsOrder() {
    start();
    m_window->open(m_sample);
    waitForModel();
    QTableView* table = m_window->filters().table();
    table->setFocus();
    table->selectRow(3);
    QTest::keyClick(table, Qt::Key_K);
    QVERIFY(m_window->document().locked(3));
    QVERIFY(!table->model()->index(3, FilterTable::order).data(Qt::DecorationRole).isNull());
    m_window->document().setOrder(m_window->document().allRows(), 8);
    QCOMPARE(m_window->document().order(3), 16);
    QCOMPARE(m_window->document().order(4), 8);
    // The order line of a locked filter goes back to where it was.
    m_window->document().select(3);
    m_window->plots().hankel().setFocus();
    QTRY_COMPARE(m_window->plots().hankel().order(), 16);
    QTest::keyClick(&m_window->plots().hankel(), Qt::Key_Right);
    QCOMPARE(m_window->document().order(3), 16);
    QTRY_COMPARE(m_window->plots().hankel().order(), 16);
    m_window->filters().searchLine()->setText("locked:1");
    QCOMPARE(m_window->filters().view()->rowCount(), 1);
    m_window->document().undoStack().undo();
    QCOMPARE(m_window->document().order(4), 16);
    m_window->document().undoStack().undo();
    QVERIFY(!m_window->document().locked(3));
  }

  void toleranceAndMethodsAreUndone() {
    start();
    m_window->open(m_sample);
    waitForModel();
    auto* tolerance = m_window->findChild<QDoubleSpinBox*>(QStringLiteral("tolerance"));
    const double before = tolerance->value();
    tolerance->setValue(5);
    tolerance->setValue(4);
    QUndoStack& stack = m_window->document().undoStack();
    QCOMPARE(stack.count(), 1);  // one turn of the wheel is one step
    QVERIFY(stack.undoText().startsWith("tolerance 10 to 4"));
    m_window->comparison().setMethods({QStringLiteral("prony")});
    QCOMPARE(stack.count(), 2);
    stack.undo();
    QVERIFY(m_window->comparison().methods().empty());
    stack.undo();
    QCOMPARE(tolerance->value(), before);
    stack.redo();
    QCOMPARE(tolerance->value(), 4.0);
    stack.redo();
    QCOMPARE(m_window->comparison().methods().size(), 1u);
    QCOMPARE(stack.count(), 2);
  }

  void theWindowComesBackAsItWas() {
    start();
    m_window->open(m_sample);
    waitForModel();
    QTemporaryDir folder;
    // The checkpoint lies beside the session, so that both can move.
    const QString model = folder.filePath("model.ckpt");
    QVERIFY(QFile::copy(m_sample, model));
    m_window->open(model);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->document().path(), model, shownwindow::kPatience);
    waitForModel();
    Document& document = m_window->document();
    document.setOrder(document.bankRows(0), 8);
    document.setOrder({200}, 31);
    document.setLocked({5, 200}, true);
    document.select(130);
    m_window->findChild<QDoubleSpinBox*>(QStringLiteral("tolerance"))->setValue(2.5);
    m_window->findChild<QComboBox*>(QStringLiteral("scope"))->setCurrentIndex(2);
    m_window->filters().searchLine()->setText("layer:1");
    m_window->filters().table()->sortByColumn(FilterTable::order, Qt::DescendingOrder);
    m_window->reference().pin("2.7");
    QTRY_COMPARE_WITH_TIMEOUT(m_window->reference().pinnedName(), std::string("2.7"), shownwindow::kPatience);
    m_window->showPreset(MainWindow::Preset::order);
    action("plots.residualLog")->trigger();
    m_window->plots().signal().setXRange({10, 90});
    m_window->plots().signal().setYRange({-0.5, 0.5});
    m_window->plots().signal().setMarks({{12, 0.1}, {20, 0.2}});
    m_window->plots().spectrum().setLogX(!m_window->plots().spectrum().logX());
    m_window->plots().spectrum().setQuantity(widgets::SpectrumPlot::Quantity::GroupDelay);
    m_window->findChild<QPlainTextEdit*>(QStringLiteral("prompt"))->setPlainText("Once\nupon a time");
    QTest::qWait(50);
    const SessionState before = m_window->state();
    QVERIFY(m_window->isWindowModified());
    const QString path = folder.filePath("talk.polecat");
    m_window->saveSession(path);
    QTRY_VERIFY_WITH_TIMEOUT(QFileInfo::exists(path), shownwindow::kPatience);
    QTRY_VERIFY(!m_window->isWindowModified());
    m_window.reset();

    // Both move; a window that never saw them opens the session.
    QTemporaryDir elsewhere;
    QVERIFY(QFile::rename(model, elsewhere.filePath("model.ckpt")));
    QVERIFY(QFile::rename(path, elsewhere.filePath("talk.polecat")));
    start();
    m_window->open(elsewhere.filePath("talk.polecat"));
    waitForModel();
    QTRY_COMPARE_WITH_TIMEOUT(m_window->document().selectedRow(), 130, shownwindow::kPatience);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->reference().pinnedName(), std::string("2.7"), shownwindow::kPatience);
    QTest::qWait(200);
    SessionState after = m_window->state();
    QCOMPARE(after.checkpoint, elsewhere.filePath("model.ckpt"));
    after.checkpoint = before.checkpoint;
    after.layout = before.layout;  // the geometry of another platform window may differ by a pixel
    QCOMPARE(QString::fromStdString(sessionText(after, "/")), QString::fromStdString(sessionText(before, "/")));
    QVERIFY(m_window->banner().sentence().isEmpty());
    QVERIFY(!m_window->document().undoStack().canUndo());
  }

  void anOlderSessionKeepsItsWeight() {
    SessionState state;
    state.checkpoint = QStringLiteral("/somewhere/model.ckpt");
    state.fitWeight = {0.5, 1.5, QStringLiteral("/somewhere/text.txt")};
    QString text = QString::fromStdString(sessionText(state, QStringLiteral("/folder")));
    QVERIFY(text.contains("\"fitWeight\""));
    text.replace("\"fitWeight\"", "\"hearing\"");
    QVERIFY(parseSession(text.toStdString(), QStringLiteral("/folder"), QStringLiteral("s")) == state);
  }

  void aMissingCheckpointIsAskedForOnce() {
    SessionState lost;
    lost.checkpoint = QStringLiteral("/no/such/model.ckpt");
    lost.fingerprint = QStringLiteral("0000");
    lost.banks = {{"no.such.bank", {4, 4}, {}}};
    QTemporaryDir folder;
    const QString path = folder.filePath("lost.polecat");
    QCOMPARE(writeWhole(path, sessionText(lost, folder.path())), QString());
    start();
    int asked = 0;
    m_window->setFileQuestion([&](const QString& missing) {
      ++asked;
      return missing == QLatin1String("/no/such/model.ckpt") && asked > 1 ? m_sample : QString();
    });
    m_window->open(path);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->banner().sentence().contains("/no/such/model.ckpt"), shownwindow::kPatience);
    QCOMPARE(asked, 1);
    QVERIFY(!m_window->document().checkpoint());
    m_window->open(path);
    waitForModel();
    QCOMPARE(asked, 2);
    // It is another model: said, and what does not fit is left out.
    QTRY_VERIFY(!m_window->banner().sentence().isEmpty());
  }

  void theJournalIsWrittenAndOffered() {
    start();
    m_window->open(m_sample);
    waitForModel();
    m_window->document().setOrder({7}, 40);
    const auto journals = [] { return QDir(Journal::folder()).entryList({"*.json"}, QDir::Files); };
    QTRY_VERIFY_WITH_TIMEOUT(!journals().isEmpty(), shownwindow::kPatience);
    QTRY_VERIFY_WITH_TIMEOUT(readSession(Journal::folder() + "/" + journals().front()).banks.front().orders[7] == 40,
                             shownwindow::kPatience);
    // A second window does not take the journal of the first, which lives.
    MainWindow second;
    QVERIFY(!second.journal().leftover());
    // A program that vanished leaves its journal without a living owner.
    const QString crashed = Journal::folder() + "/crashed.json";
    SessionState state = m_window->state();
    state.banks.front().orders[9] = 50;
    QCOMPARE(writeWhole(crashed, sessionText(state, Journal::folder())), QString());
    MainWindow third;
    third.resize(1200, 800);
    third.show();
    auto* restore = third.findChild<QPushButton*>(QStringLiteral("startResume"));
    QVERIFY(restore->isVisible());
    QCOMPARE(restore->text(), QStringLiteral("Restore"));
    QTest::mouseClick(restore, Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(third.document().checkpoint() != nullptr, shownwindow::kPatience);
    QTRY_COMPARE_WITH_TIMEOUT(third.document().order(9), 50, shownwindow::kPatience);
    QCOMPARE(third.document().order(7), 40);
    QTRY_VERIFY_WITH_TIMEOUT(!QFileInfo::exists(crashed), shownwindow::kPatience);  // the new journal has it now
  }

  void whatWasOpenAtTheEndIsOfferedToo() {
    start();
    m_window->open(m_sample);
    waitForModel();
    m_window->document().setOrder({2}, 3);
    m_window.reset();
    start();
    auto* restore = m_window->findChild<QPushButton*>(QStringLiteral("startResume"));
    QVERIFY(restore->isVisible());
    QCOMPARE(restore->text(), QStringLiteral("Continue"));
    QTest::mouseClick(restore, Qt::LeftButton);
    waitForModel();
    QTRY_COMPARE(m_window->document().order(2), 3);
  }

  void aJournalThatCannotBeWrittenSaysSoOnce() {
    start();
    m_window->open(m_sample);
    waitForModel();
    QDir(Journal::folder()).removeRecursively();
    QFile blocker(Journal::folder());
    QVERIFY(blocker.open(QIODevice::WriteOnly));
    m_window->document().setOrder({1}, 5);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->banner().sentence().contains("not being journalled"), shownwindow::kPatience);
    QCOMPARE(m_window->document().order(1), 5);
    blocker.remove();
    QDir().mkpath(Journal::folder());
    QTRY_VERIFY_WITH_TIMEOUT(!QDir(Journal::folder()).entryList({"*.json"}, QDir::Files).isEmpty(),
                             shownwindow::kPatience);
  }

  void aJournalOfANewerProgramIsKept() {
    QVERIFY(QDir().mkpath(Journal::folder()));
    const QString path = Journal::folder() + QStringLiteral("/newer.json");
    const QByteArray text("{\"polecat\": \"session\", \"version\": 999}");
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write(text) == text.size());
    file.close();
    start();
    QVERIFY(!QFileInfo::exists(path));
    QFile kept(path + QStringLiteral(".unreadable"));
    QVERIFY(kept.open(QIODevice::ReadOnly));
    QCOMPARE(kept.readAll(), text);
    QVERIFY2(m_window->banner().sentence().contains(".unreadable"), qPrintable(m_window->banner().sentence()));
  }
};

QTEST_MAIN(TestSession)
#include "test_session.moc"
