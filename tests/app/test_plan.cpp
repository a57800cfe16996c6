// Plans in the shown window: a budget shared among filters, the totals, the export, jobs that can be cancelled, an engine that
// failed and is started again.
#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QDialog>
#include <QElapsedTimer>
#include <QFileInfo>
#include <QInputDialog>
#include <QProgressBar>
#include <QPushButton>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTableView>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>
#include <QToolButton>
#include <numeric>

#include "analysis/reduction/distilled.h"
#include "app/banner.h"
#include "app/filterpanel.h"
#include "app/forecast.h"
#include "app/jobsbar.h"
#include "app/mainwindow.h"
#include "app/valuelabel.h"
#include "tests/app/shownwindow.h"
#include "widgets/format.h"

using namespace app;

class TestPlan : public QObject {
  Q_OBJECT

  std::unique_ptr<MainWindow> m_window;
  template <class T>
  T* child(const char* name) {
    return m_window->findChild<T*>(QLatin1String(name));
  }
  void answerBudget(int states) {
    QTimer::singleShot(0, this, [states] {
      auto* dialog = qobject_cast<QInputDialog*>(QApplication::activeModalWidget());
      if (!dialog) return;
      dialog->setIntValue(states);
      dialog->accept();
    });
    QTest::keyClick(m_window.get(), Qt::Key_B, Qt::ControlModifier);
  }

 private Q_SLOTS:
  void initTestCase() {
    shownwindow::prepare("test_plan");
    m_window = shownwindow::show({1400, 900});
    QVERIFY(m_window);
    QVERIFY(shownwindow::openSample(*m_window));
  }
  void init() {
    m_window->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
  }
  void cleanupTestCase() { m_window.reset(); }

  // Locked rows keep their orders and count; the others share what is left, in one undoable step.
  void aBudgetIsShared() {
    Document& document = m_window->document();
    document.setLocked({2}, true);
    m_window->filters().table()->setFocus();
    QTest::keyClick(m_window->filters().table(), Qt::Key_Home, Qt::ControlModifier);
    for (int i = 0; i < 5; ++i) QTest::keyClick(m_window->filters().table(), Qt::Key_Down, Qt::ShiftModifier);
    QCOMPARE(m_window->filters().selectedRows(), (std::vector<int>{0, 1, 2, 3, 4, 5}));
    child<QComboBox>("scope")->setCurrentIndex(1);
    QSignalSpy planned(&m_window->planner(), &Planner::planned);
    const int steps = document.undoStack().index();
    answerBudget(60);
    QTRY_COMPARE_WITH_TIMEOUT(planned.size(), 1, shownwindow::kPatience);
    QCOMPARE(document.order(2), 16);
    const int sum = std::accumulate(document.orders().begin(), document.orders().begin() + 6, 0);
    QVERIFY2(sum <= 60 && sum >= 56, qPrintable(QString::number(sum)));
    QCOMPARE(document.order(6), 16);
    QCOMPARE(document.undoStack().index(), steps + 1);
    m_window->activateWindow();  // the dialog had the keyboard
    QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
    QTest::keyClick(m_window.get(), Qt::Key_Z, Qt::ControlModifier);
    QCOMPARE(document.order(0), 16);
    document.setLocked({2}, false);
  }

  // The totals follow every change: states, memory, and the speed-up that they foretell.
  void theTotalsFollow() {
    Document& document = m_window->document();
    auto* totals = child<ValueLabel>("totals");
    const auto says = [&](const QString& text) { return totals->text().contains(text); };
    const auto foretold = [&] {
      return QStringLiteral("predicted %1 at T = 4k")
          .arg(widgets::ratio(*forecastSpeedUp(*document.checkpoint(), document.orders(), 4096)));
    };
    document.setOrder(document.allRows(), 16);
    QVERIFY2(says(widgets::count(8192) + QStringLiteral(" states")) && says(foretold()), qPrintable(totals->text()));
    const QString before = foretold();
    document.setOrder(document.allRows(), 2);
    QVERIFY2(says(widgets::count(1024) + QStringLiteral(" states")) && says(foretold()), qPrintable(totals->text()));
    QVERIFY(foretold() != before);
    document.undoStack().undo();
    QVERIFY(says(before));
  }

  // A long job shows its name, how far it is, and a button that ends it; the window answers all the while.
  void aJobShowsProgressAndIsCancelled() {
    child<QComboBox>("scope")->setCurrentIndex(3);
    Document& document = m_window->document();
    const std::vector<int> orders = document.orders();
    QSignalSpy planned(&m_window->planner(), &Planner::planned);
    m_window->survey().setHeld(true);  // so that the bar has one job to tell of
    QTest::keyClick(m_window.get(), Qt::Key_T, Qt::ControlModifier);
    auto* bar = m_window->findChild<JobsBar*>();
    auto* progress = bar->findChild<QProgressBar*>();
    auto* cancel = child<QToolButton>("cancelJob");
    QTRY_VERIFY_WITH_TIMEOUT(cancel->isVisible() && progress->value() > 0 &&
                                 progress->accessibleName().startsWith(QStringLiteral("Fitting 512 filters")),
                             shownwindow::kPatience);
    QVERIFY(planned.isEmpty());
    QElapsedTimer clock;
    clock.start();
    QTest::mouseClick(cancel, Qt::LeftButton);
    QVERIFY(!m_window->jobs().running(QStringLiteral("tolerance")));
    QVERIFY2(clock.elapsed() < 1000, qPrintable(QString::number(clock.elapsed())));
    m_window->jobs().wait();
    QTRY_VERIFY(!cancel->isVisible());
    QVERIFY(planned.isEmpty());
    QCOMPARE(document.orders(), orders);
    m_window->survey().setHeld(false);
  }

  // A lane that no memory holds fails with a sentence; the rest of the window lives on, and the button starts it again.
  void aFailedEngineIsStartedAgain() {
    Document& document = m_window->document();
    document.setOrder(document.allRows(), 2);
    QTest::keyClick(m_window.get(), Qt::Key_3);
    auto* start = child<QPushButton>("generateStart");
    auto* tokens = child<QSpinBox>("tokens");
    QSpinBox* batch = nullptr;
    for (auto* box : m_window->findChildren<QSpinBox*>())
      if (box->accessibleName() == QStringLiteral("Batch")) batch = box;
    QVERIFY(batch);
    tokens->setValue(32768);
    batch->setValue(16384);
    QTest::mouseClick(start, Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->generation().lanes().size() == 2 &&
                                 m_window->generation().lanes()[0].phase == Lane::Phase::failed,
                             shownwindow::kPatience);
    // The recurrence needs so little that its lane runs on: end it.
    QTest::mouseClick(child<QPushButton>("generateCancel"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->generation().active(), shownwindow::kPatience);
    QVERIFY(!m_window->generation().lanes()[0].error.isEmpty());
    QCOMPARE(start->text(), QStringLiteral("Start again"));
    document.select(3);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->analyst().fit() && m_window->analyst().fit()->filter->name == "0.3",
                             shownwindow::kPatience);
    tokens->setValue(8);
    batch->setValue(1);
    QTest::mouseClick(start, Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->generation().active() && m_window->generation().lanes().size() == 2 &&
                                 m_window->generation().lanes()[0].tokens.size() == 8,
                             shownwindow::kPatience);
    QCOMPARE(start->text(), QStringLiteral("Generate"));
  }

  void thePlanIsExported() {
    const auto rows = m_window->document().allRows();
    m_window->document().setLocked(rows, false);
    m_window->document().setOrder(rows, 2);
    QTemporaryDir folder;
    const QString path = folder.filePath("plan.safetensors");
    QSignalSpy exported(&m_window->planner(), &Planner::exported);
    m_window->planner().exportDistilled(path);
    QTRY_COMPARE_WITH_TIMEOUT(exported.size(), 1, shownwindow::kPatience);
    QVERIFY(QFileInfo(path).size() > 1000);
    QVERIFY(exported[0][1].toString().isEmpty());
    // Cancelled half way it goes on where it was: the same file in the end.
    m_window->document().setOrder(rows, 3);
    const QString whole = folder.filePath("whole.safetensors"), again = folder.filePath("again.safetensors");
    m_window->planner().exportDistilled(again);
    QTest::qWait(300);
    m_window->jobs().cancel(QStringLiteral("export distilled"));
    m_window->planner().exportDistilled(again);
    QTRY_COMPARE_WITH_TIMEOUT(exported.size(), 2, shownwindow::kPatience);
    analysis::DistilRequest request;
    request.order = 3;
    const auto direct = analysis::distil(*m_window->document().checkpoint(), request);
    const auto written = analysis::readDistilled(again.toStdString());
    QCOMPARE(written.banks.size(), direct.banks.size());
    for (std::size_t b = 0; b < direct.banks.size(); ++b)
      for (std::size_t c = 0; c < direct.banks[b].filters.size(); ++c)
        QCOMPARE(written.banks[b].filters[c]->errorRelative, direct.banks[b].filters[c]->errorRelative);
    // With shared poles the window says what that costs and saves.
    m_window->planner().exportDistilled(whole, 16);
    QTRY_COMPARE_WITH_TIMEOUT(exported.size(), 3, shownwindow::kPatience);
    QVERIFY2(exported[2][1].toString().startsWith("32 sets of poles"), qPrintable(exported[2][1].toString()));
    QCOMPARE(analysis::readDistilled(whole.toStdString()).banks[0].filters[17]->poleSet, 1);
    m_window->planner().exportDistilled(folder.filePath("no/such/folder/plan.safetensors"));
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->banner().sentence().isEmpty(), shownwindow::kPatience);
  }
};

QTEST_MAIN(TestPlan)
#include "test_plan.moc"
