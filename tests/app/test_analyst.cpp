// What is kept of filters that were looked at, and whether the shown fit is checked against random starts, in the shown
// window on the bundled sample.
#include <QAction>
#include <QApplication>
#include <QInputDialog>
#include <QSettings>
#include <QTest>
#include <QTimer>

#include "app/analyst.h"
#include "app/optimality.h"
#include "tests/app/shownwindow.h"

using namespace app;

class TestAnalyst : public QObject {
  Q_OBJECT

  std::unique_ptr<MainWindow> m_window;

 private Q_SLOTS:
  void initTestCase() { shownwindow::prepare("test_analyst"); }
  void init() {
    QSettings().clear();
    m_window = shownwindow::show({1200, 800});
    QVERIFY(m_window);
    QVERIFY(shownwindow::openSample(*m_window));
  }
  void cleanup() { m_window.reset(); }

  // Random starts say whether the model of a small order is likely the best there is.
  void aSmallOrderIsCheckedAgainstRandomStarts() {
    m_window->document().setOrder({m_window->document().selectedRow()}, 4);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->optimality().result(), shownwindow::kPatience);
    const auto result = m_window->optimality().result();
    QVERIFY(result->starts >= 100);
    const auto fit = m_window->analyst().fit();
    QCOMPARE(fit->order, 4);
    QVERIFY(result->best.errorRelative <= fit->quality.errorRelative * (1 + 1e-6));
    QCOMPARE(m_window->optimality().words() == QStringLiteral("probably global"), result->probablyGlobal());
    // Not while lanes are measured; what is known stays.
    m_window->optimality().setHeld(true);
    QVERIFY(m_window->optimality().result());
    m_window->document().setOrder({m_window->document().selectedRow()}, 2);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->analyst().fit()->order, 2, shownwindow::kPatience);
    QVERIFY(!m_window->jobs().running(QStringLiteral("global")) && !m_window->optimality().result());
    m_window->optimality().setHeld(false);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->optimality().result(), shownwindow::kPatience);
    m_window->document().setOrder({m_window->document().selectedRow()}, 16);  // random starts say nothing of it
    QTRY_VERIFY(!m_window->optimality().result());
    QVERIFY(m_window->optimality().words().isEmpty());
  }

  // Memory stays within the setting, and the setting stays.
  void memoryIsBoundedByTheSetting() {
    QTimer::singleShot(0, [] {
      auto* dialog = qobject_cast<QInputDialog*>(QApplication::activeModalWidget());
      QVERIFY(dialog);
      dialog->setIntValue(16);
      dialog->accept();
    });
    shownwindow::action(*m_window, "view.cache")->trigger();
    const std::size_t allowed = std::size_t{16} << 20;
    QCOMPARE(m_window->analyst().cacheBytes(), allowed);
    std::size_t most = 0;
    bool givenUp = false;
    for (int row = 0; row < 400 && !givenUp; ++row) {
      m_window->document().select(row);
      QTRY_VERIFY_WITH_TIMEOUT(m_window->analyst().cached(row), shownwindow::kPatience);
      const std::size_t kept = m_window->analyst().cachedBytes();
      QVERIFY(kept <= allowed);
      givenUp = kept < most;
      most = std::max(most, kept);
    }
    QVERIFY2(givenUp, "the setting was never reached");
    m_window = shownwindow::show({1200, 800});
    QVERIFY(m_window);
    QCOMPARE(m_window->analyst().cacheBytes(), allowed);
  }
};

QTEST_MAIN(TestAnalyst)
#include "test_analyst.moc"
