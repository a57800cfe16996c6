// The shown window on the bundled sample, driven by mouse and keys as a person would.
#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QDropEvent>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTableView>
#include <QTableWidget>
#include <QTemporaryDir>
#include <QTest>
#include <cmath>

#include "app/banner.h"
#include "app/comparepanel.h"
#include "app/filterpanel.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "app/recents.h"
#include "app/valuelabel.h"
#include "tests/app/shownwindow.h"
#include "widgets/format.h"
#include "widgets/hankelplot.h"
#include "widgets/poleplot.h"
#include "widgets/signalplot.h"
#include "widgets/spectrumplot.h"
#include "widgets/theme.h"

using namespace app;

class TestMainWindow : public QObject {
  Q_OBJECT

  const QString m_sample = shownwindow::sample();
  std::unique_ptr<MainWindow> m_window;

  void openSample() {
    QVERIFY(shownwindow::openSample(*m_window));
    QTRY_VERIFY_WITH_TIMEOUT(m_window->analyst().current()->curve != nullptr, shownwindow::kPatience);
  }
  widgets::HankelPlot& hankel() { return m_window->plots().hankel(); }
  // Where the order line stands, in pixels of the Hankel plot.
  QPoint linePoint(int order) {
    const double y = (hankel().yRange().low > 0 ? std::sqrt(hankel().yRange().low * hankel().yRange().high)
                                                : (hankel().yRange().low + hankel().yRange().high) / 2);
    return hankel().pixelAt(order, y).toPoint();
  }

 private Q_SLOTS:
  void initTestCase() { shownwindow::prepare("test_mainwindow"); }
  void init() {
    QSettings().clear();
    m_window = shownwindow::show({1480, 920});
    QVERIFY(m_window);
  }
  void cleanup() { m_window.reset(); }

  void theStartPageOpensTheSample() {
    auto* sample = m_window->findChild<QPushButton*>(QStringLiteral("startSample"));
    QVERIFY(sample && sample->isVisible());
    QVERIFY(!shownwindow::action(*m_window, "plan.tolerance")->isEnabled());  // of what?
    QTest::mouseClick(sample, Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->document().checkpoint() != nullptr, shownwindow::kPatience);
    QVERIFY(!sample->isVisible());
    QVERIFY(shownwindow::action(*m_window, "plan.tolerance")->isEnabled());
    QVERIFY(m_window->filters().isVisible());
    QVERIFY(m_window->windowTitle().startsWith(QStringLiteral("novels-hyena-1m.ckpt")));
    QCOMPARE(recents::files().size(), 1);
  }

  void dropAndRecentsOpenToo() {
    auto data = std::make_unique<QMimeData>();
    data->setUrls({QUrl::fromLocalFile(m_sample)});
    QDragEnterEvent enter(QPoint(50, 50), Qt::CopyAction, data.get(), Qt::LeftButton, Qt::NoModifier);
    QCoreApplication::sendEvent(m_window.get(), &enter);
    QVERIFY(enter.isAccepted());
    QDropEvent drop(QPointF(50, 50), Qt::CopyAction, data.get(), Qt::LeftButton, Qt::NoModifier);
    QCoreApplication::sendEvent(m_window.get(), &drop);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->document().checkpoint() != nullptr, shownwindow::kPatience);
    const auto first = m_window->document().checkpoint();
    QTest::keyClick(m_window.get(), Qt::Key_1, Qt::ControlModifier);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->document().checkpoint() != first, shownwindow::kPatience);
  }

  void aBadFileGetsOneSentence() {
    openSample();
    QTemporaryDir folder;
    QFile bad(folder.filePath("evil.ckpt"));
    QVERIFY(bad.open(QIODevice::WriteOnly));
    bad.write("not a checkpoint at all");
    bad.close();
    const auto before = m_window->document().checkpoint();
    m_window->open(bad.fileName());
    QTRY_VERIFY(!m_window->banner().sentence().isEmpty());
    QVERIFY(m_window->banner().isVisible());
    QVERIFY(m_window->banner().sentence().contains("evil.ckpt"));
    QCOMPARE(m_window->banner().sentence().count('\n'), 0);
    QCOMPARE(m_window->document().checkpoint(), before);
    QTest::keyClick(m_window.get(), Qt::Key_Escape);
    QTRY_VERIFY(!m_window->banner().isVisible());
  }

  void arrowsInTheTableMoveAllPlots() {
    openSample();
    QTableView* table = m_window->filters().table();
    table->setFocus();
    QTest::keyClick(table, Qt::Key_Down);
    QCOMPARE(m_window->document().selectedRow(), 1);
    const auto filter = m_window->document().checkpoint()->filter({0, 1});
    QTRY_VERIFY_WITH_TIMEOUT(m_window->analyst().fit() && m_window->analyst().fit()->filter->name == "0.1",
                             shownwindow::kPatience);
    // The numbers in the plots are those of the filter.
    const widgets::DataTable signal = m_window->plots().signal().table();
    QCOMPARE(signal.rows(), 1024);
    bool found = false;
    for (const auto& column : signal.columns) found = found || (column.size() == 1024 && column == filter->taps);
    QVERIFY(found);
    QVERIFY(!m_window->plots().spectrum().isEmpty());
    QVERIFY(!m_window->plots().hankel().isEmpty());
    QCOMPARE(static_cast<int>(m_window->plots().poles().poles().size()), m_window->analyst().fit()->fit->model.order());
  }

  void searchNarrowsTheTable() {
    openSample();
    QTest::keyClick(m_window.get(), Qt::Key_F, Qt::ControlModifier);
    QTRY_VERIFY(m_window->filters().searchLine()->hasFocus());
    QTest::keyClicks(m_window->filters().searchLine(), "layer:3");
    QCOMPARE(m_window->filters().view()->rowCount(), 128);
    QTest::keyClick(m_window->filters().searchLine(), Qt::Key_Return);
    QCOMPARE(m_window->document().filterName(m_window->document().selectedRow()), QStringLiteral("3.0"));
  }

  // The keyboard goes to what the preset is about, not to the next box of the tool bar.
  void presetsTakeTheKeyboardAlong() {
    openSample();
    m_window->activateWindow();
    QTRY_VERIFY(m_window->isActiveWindow());
    m_window->filters().table()->setFocus();
    const auto name = [] { return QApplication::focusWidget() ? QApplication::focusWidget()->objectName() : QString(); };
    QTest::keyClick(QApplication::focusWidget(), Qt::Key_4);
    QTRY_COMPARE(name(), QStringLiteral("effectMeasure"));
    QTest::keyClick(QApplication::focusWidget(), Qt::Key_3);
    QTRY_COMPARE(name(), QStringLiteral("generateStart"));
    QTest::keyClick(QApplication::focusWidget(), Qt::Key_2);
    QTRY_COMPARE(name(), QStringLiteral("filterTable"));
  }

  void keysAloneSortTheTable() {
    openSample();
    QTableView* table = m_window->filters().table();
    m_window->document().setOrder({5}, 20);
    m_window->document().setOrder({9}, 4);
    table->setFocus();
    for (int i = 0; i < 2; ++i) QTest::keyClick(table, Qt::Key_Right);
    QCOMPARE(table->currentIndex().column(), static_cast<int>(FilterTable::order));
    QTest::keyClick(table, Qt::Key_O);
    const auto first = [&] { return m_window->filters().view()->documentRow(m_window->filters().view()->index(0, 0)); };
    QCOMPARE(first(), 9);
    QTest::keyClick(table, Qt::Key_O);
    QCOMPARE(first(), 5);
    QCOMPARE(m_window->document().selectedRow(), 0);  // what was selected stays so
  }

  void theOrderLineIsDraggedByMouse() {
    openSample();
    QSignalSpy moved(&hankel(), &widgets::HankelPlot::orderMoved);
    QTest::mousePress(&hankel(), Qt::LeftButton, Qt::NoModifier, linePoint(16));
    for (int order = 17; order <= 24; ++order) QTest::mouseMove(&hankel(), linePoint(order));
    QVERIFY(!moved.isEmpty());
    QCOMPARE(m_window->document().order(0), 16);  // not before the release
    QTRY_VERIFY(m_window->analyst().fit()->order > 16);
    QTest::mouseRelease(&hankel(), Qt::LeftButton, Qt::NoModifier, linePoint(24));
    QCOMPARE(m_window->document().order(0), 24);
    QCOMPARE(m_window->document().undoStack().count(), 1);  // a drag is one step
    QTRY_COMPARE(m_window->analyst().fit()->order, 24);
    QTRY_COMPARE(static_cast<int>(m_window->plots().poles().poles().size()),
                 m_window->analyst().fit()->fit->model.order());
    QVERIFY(m_window->plots().poles().poles().size() > 16u);
    QTest::keyClick(m_window.get(), Qt::Key_Z, Qt::ControlModifier);
    QCOMPARE(m_window->document().order(0), 16);
    QTRY_COMPARE(hankel().order(), 16);
    QTRY_COMPARE(m_window->analyst().fit()->order, 16);
  }

  void arrowKeysAndTheSpinBoxStepTheOrder() {
    openSample();
    hankel().setFocus();
    QTest::keyClick(&hankel(), Qt::Key_Right);
    QCOMPARE(m_window->document().order(0), 17);
    auto* box = m_window->findChild<QSpinBox*>(QStringLiteral("orderBox"));
    QTRY_COMPARE(box->value(), 17);
    box->setFocus();
    box->selectAll();
    QTest::keyClicks(box, "6");
    QTest::keyClick(box, Qt::Key_Return);
    QCOMPARE(m_window->document().order(0), 6);
    QTRY_COMPARE(hankel().order(), 6);
    QTRY_COMPARE(m_window->analyst().fit()->order, 6);
    QTRY_COMPARE(static_cast<int>(m_window->plots().poles().poles().size()),
                 m_window->analyst().fit()->fit->model.order());
    const double atSix = m_window->analyst().fit()->quality.errorRelative;
    QTest::keyClick(box, Qt::Key_Up);
    QTRY_COMPARE(m_window->analyst().fit()->order, 7);
    QVERIFY(m_window->analyst().fit()->quality.errorRelative <= atSix);
    const auto& certificate = m_window->analyst().current()->certificate;
    QVERIFY(m_window->analyst().fit()->quality.errorRelative >= certificate->error[7]);
  }

  void theScopeAppliesToTheLayer() {
    openSample();
    m_window->findChild<QComboBox*>(QStringLiteral("scope"))->setCurrentIndex(2);
    auto* box = m_window->findChild<QSpinBox*>(QStringLiteral("orderBox"));
    box->setFocus();
    box->selectAll();
    QTest::keyClicks(box, "8");
    QTest::keyClick(box, Qt::Key_Return);
    QCOMPARE(m_window->document().order(127), 8);
    QCOMPARE(m_window->document().order(128), 16);
    QVERIFY(m_window->findChild<ValueLabel*>(QStringLiteral("totals"))->text().contains(QStringLiteral("512")));
    QCOMPARE(m_window->document().totalStates(), 128LL * 8 + 384 * 16);
  }

  void aToleranceChoosesOrders() {
    openSample();
    m_window->filters().searchLine()->setText("layer:0");
    m_window->filters().table()->setFocus();
    for (int i = 0; i < 3; ++i) QTest::keyClick(m_window->filters().table(), Qt::Key_Down, Qt::ShiftModifier);
    QCOMPARE(m_window->filters().selectedRows(), (std::vector<int>{0, 1, 2, 3}));
    m_window->findChild<QComboBox*>(QStringLiteral("scope"))->setCurrentIndex(1);
    QSignalSpy planned(&m_window->planner(), &Planner::planned);
    m_window->findChild<QAction*>(QStringLiteral("plan.tolerance"))->trigger();
    QTRY_COMPARE_WITH_TIMEOUT(planned.size(), 1, shownwindow::kPatience);
    QCOMPARE(m_window->document().undoStack().count(), 1);
    QCOMPARE(m_window->document().order(4), 16);
    for (int row = 0; row < 4; ++row) {
      QVERIFY(m_window->document().order(row) > 0);
      m_window->document().select(row);
      QTRY_VERIFY_WITH_TIMEOUT(m_window->analyst().fit() && m_window->analyst().fit()->filter->id.channel == row,
                               shownwindow::kPatience);
      // The tolerance was 10 %; the curve on screen may still be on its way there.
      if (m_window->document().order(row) < Document::maxOrder)
        QTRY_VERIFY_WITH_TIMEOUT(m_window->analyst().fit()->quality.errorRelative <= 0.105, shownwindow::kPatience);
    }
  }

  void methodsAreComparedAtTheShownOrder() {
    openSample();
    QTest::keyClick(m_window.get(), Qt::Key_C);
    auto* table = m_window->findChild<QTableWidget*>(QStringLiteral("compareTable"));
    QTRY_VERIFY(table->isVisible());
    QVERIFY(table->rowCount() > 8);
    int ticked = 0;
    for (int row = 1; row < table->rowCount(); ++row) {
      const QString name = table->item(row, 0)->data(Qt::UserRole).toString();
      if (name != "prony" && name != "kung") continue;
      table->item(row, 0)->setCheckState(Qt::Checked);
      ++ticked;
    }
    QCOMPARE(ticked, 2);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->comparison().results().size(), 2u, shownwindow::kPatience);
    const double ours = m_window->analyst().fit()->quality.errorRelative;
    for (const MethodResult& result : m_window->comparison().results()) {
      QVERIFY2(result.order >= 0, qPrintable(result.problem));
      QVERIFY(result.errorRelative >= ours * 0.999);
    }
    // Their poles stand beside the fit's, two columns each.
    QTRY_COMPARE(m_window->plots().poles().table().headers.size(), 6 + 2 * 2);
    // A new order is compared anew.
    hankel().setFocus();
    QTest::keyClick(&hankel(), Qt::Key_Right);
    QTRY_VERIFY_WITH_TIMEOUT(
        m_window->comparison().results().size() == 2 && m_window->comparison().results()[0].order == 17,
        shownwindow::kPatience);
    // Other forms of model say what they keep and save.
    m_window->findChild<ComparePanel*>()->tick({"first-taps", "shared-4"});
    QTRY_COMPARE_WITH_TIMEOUT(m_window->comparison().results().size(), 2u, shownwindow::kPatience);
    auto* remarks = m_window->findChild<QLabel*>(QStringLiteral("compareRemarks"));
    QTRY_VERIFY(remarks->isVisible());
    QVERIFY2(remarks->text().contains("4 filters together") && remarks->text().contains("multiply-adds per token"),
             qPrintable(remarks->text()));
    QVERIFY(m_window->comparison().results()[1].errorRelative >= ours * 0.999);
  }

  void hoveringAPoleShowsItsMode() {
    openSample();
    QTest::keyClick(m_window.get(), Qt::Key_2);
    auto* story = m_window->findChild<ValueLabel*>(QStringLiteral("story"));
    QVERIFY(story && story->isVisible());
    // A pole that moves under the pointer is not hovered: wait until the fit cannot get better any more.
    QTRY_VERIFY_WITH_TIMEOUT(m_window->analyst().current()->curve->final, shownwindow::kPatience);
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().running(QStringLiteral("fit")), shownwindow::kPatience);
    widgets::PolePlot& poles = m_window->plots().poles();
    QTest::qWait(50);
    const auto pole = poles.poles().front();
    const widgets::DataTable before = m_window->plots().signal().table();
    const QPoint place = poles.pixelAt(pole.real(), pole.imag()).toPoint();
    QTest::mouseMove(&poles, place - QPoint(40, 40));
    QTest::mouseMove(&poles, place);
    QTRY_VERIFY(poles.hovered() >= 0);
    QTRY_VERIFY(m_window->plots().signal().table().columns.size() > before.columns.size());
    // In words: the first pole belongs to the first mode, whose half-life is that of its radius.
    QVERIFY2(story->text().startsWith(QStringLiteral("Mode 1")), qPrintable(story->text()));
    const QString halves = widgets::number(std::log(0.5) / std::log(std::abs(pole)), 3);
    QVERIFY2(story->text().contains(QStringLiteral("halves every %1 tokens").arg(halves)), qPrintable(story->text()));
    QTest::mouseMove(&poles, QPoint(2, 2));
    QTRY_VERIFY(story->text().startsWith(QStringLiteral("16 states stand for 1")));
    QVERIFY(story->text().contains(QStringLiteral("by any method")));
  }

  void themesChangeLive() {
    openSample();
    const auto themeAction = [&](const QString& text) {
      for (QAction* action : m_window->findChildren<QAction*>())
        if (action->text().remove('&') == text) return action;
      return static_cast<QAction*>(nullptr);
    };
    QVERIFY(themeAction("Dark"));
    themeAction("Dark")->trigger();
    QVERIFY(widgets::applicationTheme().isDark());
    const QImage dark = m_window->grab().toImage();
    themeAction("Light")->trigger();
    QVERIFY(!widgets::applicationTheme().isDark());
    const QImage light = m_window->grab().toImage();
    QVERIFY(qGray(light.pixel(700, 500)) > qGray(dark.pixel(700, 500)) + 100);
  }

  void bothLanesGenerateWithTheSameNoise() {
    openSample();
    QTest::keyClick(m_window.get(), Qt::Key_3);
    m_window->findChild<QSpinBox*>(QStringLiteral("tokens"))->setValue(40);
    auto* start = m_window->findChild<QPushButton*>(QStringLiteral("generateStart"));
    QVERIFY(start->isVisible());
    QTest::mouseClick(start, Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->generation().lanes().size() >= 2 && !m_window->generation().active(),
                             shownwindow::kPatience);
    for (const Lane& lane : m_window->generation().lanes()) {
      QVERIFY2(lane.phase == Lane::Phase::finished, qPrintable(lane.error));
      QCOMPARE(lane.tokens.size(), 40u);
      QVERIFY(lane.rate(1) > 0);
      for (const double seconds : lane.tokenSeconds) QVERIFY(seconds > 0);
    }
    // Same noise: the texts agree at least at the beginning.
    QVERIFY(m_window->generation().identicalTokens() > 0);
    QVERIFY(m_window->generation().lanes()[1].bytesAt(1000) < m_window->generation().lanes()[0].bytesAt(1000));
    QVERIFY(m_window->findChild<QLabel*>(QStringLiteral("generationProvenance"))->text().contains("batch 1"));
  }

  void generationIsCancelledAtOnce() {
    openSample();
    QTest::keyClick(m_window.get(), Qt::Key_3);
    m_window->document().setOrder(m_window->document().allRows(), 4);
    m_window->findChild<QSpinBox*>(QStringLiteral("tokens"))->setValue(30000);
    QTest::mouseClick(m_window->findChild<QPushButton*>(QStringLiteral("generateStart")), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(
        !m_window->generation().lanes().empty() && m_window->generation().lanes()[0].tokens.size() > 5,
        shownwindow::kPatience);
    QTest::mouseClick(m_window->findChild<QPushButton*>(QStringLiteral("generateCancel")), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->generation().active(), shownwindow::kPatience);
    QVERIFY(m_window->generation().lanes()[0].tokens.size() < 30000u);
  }

  void anEmptyPromptIsASentence() {
    openSample();
    QTest::keyClick(m_window.get(), Qt::Key_3);
    m_window->findChild<QPlainTextEdit*>(QStringLiteral("prompt"))->clear();
    QTest::mouseClick(m_window->findChild<QPushButton*>(QStringLiteral("generateStart")), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->banner().sentence().startsWith("Prompt"), shownwindow::kPatience);
  }

  void closingWhileWorkingIsClean() {
    m_window->open(m_sample);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->document().checkpoint() != nullptr, shownwindow::kPatience);
    QElapsedTimer clock;
    clock.start();
    m_window.reset();  // the survey of 512 filters and the analysis are running
    QVERIFY(clock.elapsed() < 5000);
  }
};

QTEST_MAIN(TestMainWindow)
#include "test_mainwindow.moc"
