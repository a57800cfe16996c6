// Talk mode: large, high contrast, without chrome, and back as it was.
#include <QAbstractButton>
#include <QAction>
#include <QComboBox>
#include <QDockWidget>
#include <QLabel>
#include <QLayout>
#include <QMenuBar>
#include <QPlainTextEdit>
#include <QSpinBox>
#include <QStatusBar>
#include <QTest>
#include <QToolBar>

#include "app/generationpanel.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "tests/app/shownwindow.h"
#include "widgets/bignumber.h"
#include "widgets/hankelplot.h"
#include "widgets/signalplot.h"
#include "widgets/theme.h"

using namespace app;

class TestTalk : public QObject {
  Q_OBJECT

  std::unique_ptr<MainWindow> m_window;

  QStringList visibleDocks() {
    QStringList out;
    for (const QDockWidget* dock : m_window->findChildren<QDockWidget*>())
      if (dock->isVisible()) out << dock->objectName();
    return out;
  }

 private Q_SLOTS:
  void initTestCase() {
    shownwindow::prepare("test_talk");
    m_window = shownwindow::show({1400, 900});
    QVERIFY(m_window);
    QTest::keyClick(m_window.get(), Qt::Key_F11);
    QVERIFY(!m_window->talking());  // nothing to show yet
    QVERIFY(shownwindow::openSample(*m_window));
  }
  void cleanup() { m_window->setTalking(false); }
  void cleanupTestCase() { m_window.reset(); }

  void f11FillsTheScreenAndEscapeGivesItBack() {
    m_window->showPreset(MainWindow::Preset::order);
    auto* tensors = m_window->findChild<QDockWidget*>(QStringLiteral("tensors"));
    tensors->show();
    QTest::qWait(50);
    const SessionState before = m_window->state();
    const QStringList docks = visibleDocks();
    QVERIFY(docks.size() >= 5);
    QTest::keyClick(m_window.get(), Qt::Key_F11);
    QVERIFY(m_window->talking());
    QVERIFY(m_window->isFullScreen());
    QVERIFY(!m_window->menuBar()->isVisible());
    QVERIFY(!m_window->statusBar()->isVisible());
    QVERIFY(!tensors->isVisible());  // tables are for the desk
    const widgets::Theme theme = widgets::applicationTheme();
    QCOMPARE(theme.scheme(), widgets::Scheme::HighContrast);
    QVERIFY(theme.scale() >= 1.6 && theme.scale() <= 2.5);
    QCOMPARE(m_window->plots().hankel().theme(), theme);
    QCOMPARE(m_window->state().layout, before.layout);  // a session saved now keeps the desk
    // Keys go on working without the menu.
    QTest::keyClick(m_window.get(), Qt::Key_3);
    QVERIFY(m_window->findChild<GenerationPanel*>()->isVisible());
    QTest::keyClick(m_window.get(), Qt::Key_2);
    QTest::keyClick(m_window.get(), Qt::Key_Escape);
    QVERIFY(!m_window->talking());
    QVERIFY(!m_window->isFullScreen());
    QVERIFY(m_window->menuBar()->isVisible());
    QCOMPARE(widgets::applicationTheme().scale(), 1.0);
    QCOMPARE(widgets::applicationTheme().scheme(), widgets::Scheme::Light);
    QTRY_COMPARE(visibleDocks(), docks);
    QCOMPARE(m_window->state().preset, before.preset);
    tensors->hide();
  }

  void nothingIsSmallerThan18Points_data() {
    QTest::addColumn<int>("preset");
    QTest::newRow("filters") << 0;
    QTest::newRow("order") << 1;
    QTest::newRow("speed") << 2;
  }
  void nothingIsSmallerThan18Points() {
    QFETCH(int, preset);
    m_window->setTalking(true);
    m_window->showPreset(static_cast<MainWindow::Preset>(preset));
    QTest::qWait(50);
    int seen = 0;
    for (const QWidget* widget : m_window->findChildren<QWidget*>()) {
      // Frames of scroll bars draw no letters.
      if (!widget->isVisible() || widget->width() == 0 || widget->objectName().startsWith("qt_scrollarea_")) continue;
      const double points = QFontInfo(widget->font()).pixelSize() * 72.0 / 96.0;
      QVERIFY2(
          points >= 18,
          qPrintable(
              QStringLiteral("%1 %2: %3 pt").arg(widget->metaObject()->className(), widget->objectName()).arg(points)));
      ++seen;
    }
    QVERIFY(seen > 5);
    for (const auto size : {widgets::TextSize::Caption, widgets::TextSize::Body})
      QVERIFY(widgets::applicationTheme().font(size).pixelSize() * 0.75 >= 18);
    m_window->setTalking(false);
  }

  // With two lanes and their numbers, and with three: nothing is beyond the edge of a small projector, and the curves
  // are the largest thing on it.
  void everythingFitsASmallProjector() {
    m_window->document().setOrder(m_window->document().allRows(), 2);
    m_window->findChild<QSpinBox*>(QStringLiteral("tokens"))->setValue(30);
    auto* transformer = m_window->findChild<QComboBox*>(QStringLiteral("transformer"));
    QVERIFY(transformer);
    m_window->setTalking(true);
    for (const int lanes : {2, 3}) {
      transformer->setCurrentIndex(lanes == 2 ? transformer->findData(QString())
                                              : transformer->findData(QStringLiteral("random")));
      m_window->findChild<GenerationPanel*>()->start();
      QTRY_VERIFY_WITH_TIMEOUT(static_cast<int>(m_window->generation().lanes().size()) == lanes &&
                                   !m_window->generation().active(),
                               shownwindow::kPatience);
      for (const auto preset : {MainWindow::Preset::speed, MainWindow::Preset::effect, MainWindow::Preset::order,
                                MainWindow::Preset::filters}) {
        m_window->showPreset(preset);
        QTest::qWait(50);
        const QSize least = m_window->minimumSizeHint().expandedTo(m_window->layout()->minimumSize());
        QVERIFY2(least.width() <= 1280 && least.height() <= 800,
                 qPrintable(QStringLiteral("%1 lanes, preset %2: %3 x %4")
                                .arg(lanes)
                                .arg(static_cast<int>(preset))
                                .arg(least.width())
                                .arg(least.height())));
      }
      m_window->showPreset(MainWindow::Preset::speed);
      m_window->resize(1280, 800);
      QTest::qWait(50);
      const auto plots = m_window->findChild<GenerationPanel*>()->plots();
      QVERIFY2(plots[0].second->height() * 5 >= m_window->height() * 2,
               qPrintable(QStringLiteral("%1 of %2").arg(plots[0].second->height()).arg(m_window->height())));
    }
    m_window->setTalking(false);
    transformer->setCurrentIndex(transformer->findData(QString()));  // as the other tests expect it
  }

  void theSpeedUpIsTheLargestNumber() {
    m_window->document().setOrder(m_window->document().allRows(), 2);
    m_window->findChild<QSpinBox*>(QStringLiteral("tokens"))->setValue(30);
    m_window->setTalking(true);
    QTest::keyClick(m_window.get(), Qt::Key_Return, Qt::ControlModifier);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->generation().lanes().size() == 2 && !m_window->generation().active(),
                             shownwindow::kPatience);
    auto* number = m_window->findChild<widgets::BigNumber*>(QStringLiteral("talkSpeedUp"));
    QVERIFY(number->isVisible());
    const double ratio = m_window->generation().lanes()[1].rate(1) / m_window->generation().lanes()[0].rate(1);
    QCOMPARE(m_window->generation().speedUp(), ratio);
    QVERIFY(number->text().endsWith(QChar(0xd7)));
    QVERIFY(std::abs(number->text().chopped(1).toDouble() - ratio) <= 0.01 * ratio);
    m_window->setTalking(false);
  }
};

QTEST_MAIN(TestTalk)
#include "test_talk.moc"
