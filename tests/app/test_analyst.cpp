// What is kept of filters that were looked at, and whether the shown fit is checked against random starts, in the shown
// window on the bundled sample.
#include <QAction>
#include <QApplication>
#include <QInputDialog>
#include <QSettings>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>
#include <cmath>
#include <fstream>
#include <vector>

#include "analysis/tensors/npywriter.h"
#include "app/analyst.h"
#include "app/optimality.h"
#include "tests/app/shownwindow.h"

using namespace app;

namespace {

// Damped cosines with a slowly fading trend, as an .npy file of float32; its name, or nothing.
QString writeFilters(const QTemporaryDir& folder, int filters, int taps) {
  std::ofstream out(folder.filePath("long.npy").toStdString(), std::ios::binary);
  analysis::writeNpyHeader(out, analysis::DataType::f32, {filters, taps});
  for (int filter = 0; filter < filters; ++filter)
    for (int t = 0; t < taps; ++t) {
      const float tap = std::exp(-0.01F * float(t)) * std::cos(0.1F * float(t * (filter + 1))) + 0.01F / float(1 + t);
      out.write(reinterpret_cast<const char*>(&tap), sizeof tap);
    }
  return out ? folder.filePath("long.npy") : QString();
}

}  // namespace

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

  // A very long filter shows its curve while it is still being bounded: neither wipes out the other.
  void aVeryLongFilterIsBoundedBesideItsCurve() {
    const int taps = 40000;
    QTemporaryDir folder;
    const QString file = writeFilters(folder, 1, taps);
    QVERIFY(!file.isEmpty());
    const auto& analyst = m_window->analyst();
    bool lost = false, hadCurve = false, hadCertificate = false;
    connect(&analyst, &Analyst::analysed, this, [&] {
      const auto known = analyst.current();
      if (!known || static_cast<int>(known->filter->taps.size()) != taps) return;
      lost = lost || (hadCurve && !known->curve) || (hadCertificate && !known->certificate);
      hadCurve = known->curve != nullptr;
      hadCertificate = known->certificate != nullptr;
    });
    m_window->open(file);
    QTRY_VERIFY_WITH_TIMEOUT(hadCurve && hadCertificate, shownwindow::kPatience);
    QVERIFY(!lost);
    QVERIFY2(!analyst.current()->curve->final, "the curve was held back until its end");
    const auto order = static_cast<std::size_t>(analyst.fit()->order);
    QVERIFY(analyst.current()->curve->fits[order]->errorRelative >= analyst.current()->certificate->error[order]);
  }

  // A long filter is first looked at with few states, so that a hand that walks through the table need not wait; all
  // orders follow by themselves.
  void aLongFilterIsSeenInTwoLooks() {
    QTemporaryDir folder;
    const QString file = writeFilters(folder, 2, 4096);
    QVERIFY(!file.isEmpty());
    std::vector<int> looks;
    connect(&m_window->analyst(), &Analyst::analysed, this, [&] {
      const auto known = m_window->analyst().current();
      if (!known || known->filter->taps.size() != 4096 || !known->reducer) return;
      if (looks.empty() || looks.back() != known->reducer->maxOrder()) looks.push_back(known->reducer->maxOrder());
    });
    m_window->open(file);
    QTRY_COMPARE_WITH_TIMEOUT(looks, (std::vector<int>{16, 64}), shownwindow::kPatience);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->analyst().fit() && m_window->analyst().fit()->order == 16, shownwindow::kPatience);
    m_window->document().setOrder({0}, 40);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->analyst().fit()->order, 40, shownwindow::kPatience);
    // Where more states are kept the first look has them too.
    looks.clear();
    m_window->document().setOrder({1}, 30);
    m_window->document().select(1);
    QTRY_COMPARE_WITH_TIMEOUT(looks, (std::vector<int>{30, 64}), shownwindow::kPatience);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->analyst().fit() && m_window->analyst().fit()->order == 30, shownwindow::kPatience);
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
