// Random legal actions, one after the other, as a hurried person would: no warning, no crash, no banner that tells of
// an internal failure, and the plan stays within its bounds. POLECAT_SOAK_SECONDS sets how long (4), POLECAT_SOAK_SEED
// what.
#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QDialog>
#include <QFile>
#include <QLineEdit>
#include <QSpinBox>
#include <QTableView>
#include <QTest>
#include <random>

#include "app/appearance.h"
#include "app/banner.h"
#include "app/filterpanel.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "tests/app/shownwindow.h"
#include "widgets/hankelplot.h"
#include "widgets/poleplot.h"
#include "widgets/signalplot.h"
#include "widgets/spectrumplot.h"

using namespace app;

namespace {

// Resident memory in MB.
double residentMegabytes() {
  QFile status(QStringLiteral("/proc/self/statm"));
  if (!status.open(QIODevice::ReadOnly)) return 0;
  return status.readAll().split(' ').value(1).toDouble() * 4096 / 1e6;
}

}  // namespace

class TestSoak : public QObject {
  Q_OBJECT

  std::mt19937 m_random;
  std::unique_ptr<MainWindow> m_window;
  int below(int limit) { return static_cast<int>(m_random() % static_cast<unsigned>(limit)); }

  // Actions that ask for a file or end the program are for other tests.
  QList<QAction*> harmless() {
    QList<QAction*> out;
    for (QAction* action : m_window->actionsListed())
      if (action->isEnabled() && !action->text().endsWith(QChar(0x2026)) && action->objectName() != "file.quit" &&
          action->objectName() != "file.saveSession" && action->objectName() != "generate.save" &&
          action->objectName() != "help.hear" && !action->objectName().startsWith("recent."))
        out << action;
    return out;
  }
  void actAtRandom() {
    Document& document = m_window->document();
    widgets::Plot* plots[] = {&m_window->plots().signal(), &m_window->plots().spectrum(), &m_window->plots().hankel(),
                              &m_window->plots().poles()};
    widgets::Plot* plot = plots[below(4)];
    switch (below(9)) {
      case 0: {
        const QList<QAction*> all = harmless();
        all[below(static_cast<int>(all.size()))]->trigger();
        break;
      }
      case 1:
        document.select(below(document.filterCount()));
        break;
      case 2:
        QTest::keyClick(m_window->filters().table(), below(2) ? Qt::Key_Down : Qt::Key_PageUp);
        break;
      case 3: {
        const QPoint from(below(plot->width()), below(plot->height())), to(below(plot->width()), below(plot->height()));
        QTest::mousePress(plot, Qt::LeftButton, below(3) ? Qt::NoModifier : Qt::ShiftModifier, from);
        for (int i = 1; i <= 4; ++i) QTest::mouseMove(plot, from + (to - from) * i / 4);
        QTest::mouseRelease(plot, Qt::LeftButton, Qt::NoModifier, to);
        break;
      }
      case 4:
        for (int i = below(6); i >= 0; --i)
          QTest::keyClick(&m_window->plots().hankel(), below(2) ? Qt::Key_Right : Qt::Key_Left);
        break;
      case 5: {
        static const char* searches[] = {"",         "layer:1",     "err>1e-2", "order>8 layer:0",
                                         "locked:1", "nonsense:::", "0.1"};
        m_window->filters().searchLine()->setText(QLatin1String(searches[below(7)]));
        break;
      }
      case 6:
        below(2) ? document.undoStack().undo() : document.undoStack().redo();
        break;
      case 7:
        m_window->filters().table()->sortByColumn(below(FilterTable::columns),
                                                  below(2) ? Qt::AscendingOrder : Qt::DescendingOrder);
        break;
      case 8:
        m_window->resize(900 + below(900), 600 + below(500));
        break;
    }
    for (QDialog* dialog : m_window->findChildren<QDialog*>())
      if (dialog->isVisible() && below(3) == 0) dialog->close();
  }

 private Q_SLOTS:
  void initTestCase() {
    shownwindow::prepare("test_soak");
    QDir(Journal::folder()).removeRecursively();
    const int seed = qEnvironmentVariableIntValue("POLECAT_SOAK_SEED");
    m_random.seed(seed > 0 ? static_cast<unsigned>(seed) : 11u);
    m_window = shownwindow::show({1400, 900});
    QVERIFY(m_window);
    m_window->open(shownwindow::sample());
    QTRY_VERIFY_WITH_TIMEOUT(m_window->document().checkpoint() != nullptr, shownwindow::kPatience);
    m_window->effect().setLevels({2});
  }
  void cleanupTestCase() {
    m_window.reset();
    appearance::apply(widgets::Scheme::Light);
  }

  void randomActions() {
    const int given = qEnvironmentVariableIntValue("POLECAT_SOAK_SECONDS");
    const int seconds = given > 0 ? given : 4;
    // Of the offscreen platform alone: what it cannot do.
    QTest::failOnWarning(QRegularExpression("^(?!This plugin does not support).*"));
    QElapsedTimer clock;
    clock.start();
    int actions = 0;
    double early = 0;
    while (clock.elapsed() < seconds * 1000) {
      actAtRandom();
      ++actions;
      QTest::qWait(below(10));
      if (early == 0 && clock.elapsed() > seconds * 300) early = residentMegabytes();
      QVERIFY(m_window->document().filterCount() == 512);
      for (int row = 0; row < 512; row += 37)
        QVERIFY(m_window->document().order(row) >= 0 && m_window->document().order(row) <= Document::maxOrder);
      // Every sentence a person sees is about their file or their wish, never about the program.
      QVERIFY2(
          !m_window->banner().sentence().contains("bad_alloc") && !m_window->banner().sentence().contains("vector::"),
          qPrintable(m_window->banner().sentence()));
    }
    m_window->generation().cancel();
    m_window->jobs().cancelAll();
    m_window->jobs().wait();
    qInfo("%d actions in %d s, %.0f MB resident after a third, %.0f MB at the end", actions, seconds, early,
          residentMegabytes());
    QVERIFY(actions > seconds * 5);
  }
};

QTEST_MAIN(TestSoak)
#include "test_soak.moc"
