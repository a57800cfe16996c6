#include <QApplication>
#include <QSignalSpy>
#include <QtTest>

#include "samples.h"
#include "widgets/hankelplot.h"

using namespace widgets;

class TestHankelPlot : public QObject {
  Q_OBJECT

 private:
  std::unique_ptr<HankelPlot> m_plot;
  std::unique_ptr<QSignalSpy> m_moved;
  std::unique_ptr<QSignalSpy> m_chosen;

  QPoint onLine(int order) const { return {qRound(m_plot->pixelAt(order, 1).x()), m_plot->height() / 2}; }

 private Q_SLOTS:
  void initTestCase() { applyTheme(*qApp, Theme::light()); }

  void init() {
    m_plot = std::make_unique<HankelPlot>();
    m_plot->resize(640, 400);
    m_plot->setSingularValues(samples::singularValues(64));
    m_plot->setErrors(samples::errors(64, 1.4));
    m_plot->setCertificate(samples::errors(64, 1));
    m_plot->setOrderRange(2, 48);
    m_plot->setOrder(12);
    m_plot->show();
    QVERIFY(QTest::qWaitForWindowActive(m_plot.get()));
    m_plot->setFocus();
    QTest::qWait(20);
    m_moved = std::make_unique<QSignalSpy>(m_plot.get(), &HankelPlot::orderMoved);
    m_chosen = std::make_unique<QSignalSpy>(m_plot.get(), &HankelPlot::orderChosen);
  }

  void cleanup() { m_plot.reset(); }

  void dragMovesAndReleaseChooses() {
    QTest::mousePress(m_plot.get(), Qt::LeftButton, {}, onLine(12));
    QCOMPARE(m_moved->size(), 0);
    QTest::mouseMove(m_plot.get(), onLine(15));
    QTest::mouseMove(m_plot.get(), onLine(20));
    QCOMPARE(m_chosen->size(), 0);
    QTest::mouseRelease(m_plot.get(), Qt::LeftButton, {}, onLine(20));
    QCOMPARE(m_moved->size(), 2);
    QCOMPARE(m_moved->at(0).front().toInt(), 15);
    QCOMPARE(m_chosen->size(), 1);
    QCOMPARE(m_chosen->at(0).front().toInt(), 20);
    QCOMPARE(m_plot->order(), 20);
  }

  // The words of one order must not stand beside another.
  void theRemarkIsOfItsOrderAlone() {
    const auto shown = [this] { return m_plot->image({m_plot->size(), 1, std::nullopt}); };
    m_plot->setOrder(6);
    const QImage bare = shown();
    m_plot->setOrderRemark(6, QStringLiteral("probably global"));
    QVERIFY(shown() != bare);
    m_plot->setOrder(5);
    const QImage other = shown();
    m_plot->setOrderRemark(6, {});
    QCOMPARE(shown(), other);
  }

  void dragStaysInsideTheRange() {
    QTest::mousePress(m_plot.get(), Qt::LeftButton, {}, onLine(12));
    QTest::mouseMove(m_plot.get(), {2, 200});
    QCOMPARE(m_plot->order(), 2);
    QTest::mouseMove(m_plot.get(), {639, 200});
    QCOMPARE(m_plot->order(), 48);
    QTest::mouseMove(m_plot.get(), onLine(12));
    QTest::mouseRelease(m_plot.get(), Qt::LeftButton, {}, onLine(12));
    QCOMPARE(m_chosen->size(), 0);  // back where it was: nothing was chosen
  }

  void clickOnAPointChoosesIt() {
    const double error = samples::errors(64, 1.4)[24];
    QTest::mouseClick(m_plot.get(), Qt::LeftButton, {}, m_plot->pixelAt(24, error).toPoint());
    QCOMPARE(m_plot->order(), 24);
    QCOMPARE(m_chosen->size(), 1);
    const auto sigma = samples::singularValues(64);
    QTest::mouseClick(m_plot.get(), Qt::LeftButton, {}, m_plot->pixelAt(30, sigma[29] / sigma[0]).toPoint());
    QCOMPARE(m_plot->order(), 30);
    QTest::mouseClick(m_plot.get(), Qt::LeftButton, {}, m_plot->pixelAt(40, 0.5).toPoint());  // nothing there
    QCOMPARE(m_plot->order(), 30);
  }

  void suggestedOrderIsClicked() {
    m_plot->setSuggestedOrders({{18, QStringLiteral("error below 1e-3")}});
    QTest::qWait(20);
    const QPoint foot(qRound(m_plot->pixelAt(18, 1).x()), qRound(m_plot->pixelAt(0, m_plot->yRange().low).y()) - 4);
    QTest::mouseMove(m_plot.get(), foot);
    QVERIFY2(m_plot->valueText().contains(QStringLiteral("error below 1e-3")), qPrintable(m_plot->valueText()));
    QTest::mouseClick(m_plot.get(), Qt::LeftButton, {}, foot);
    QCOMPARE(m_plot->order(), 18);
  }

  void keysStep_data() {
    QTest::addColumn<int>("key");
    QTest::addColumn<bool>("shift");
    QTest::addColumn<int>("order");
    QTest::newRow("right") << int(Qt::Key_Right) << false << 13;
    QTest::newRow("left") << int(Qt::Key_Left) << false << 11;
    QTest::newRow("up") << int(Qt::Key_Up) << false << 13;
    QTest::newRow("shift right") << int(Qt::Key_Right) << true << 16;
    QTest::newRow("page down") << int(Qt::Key_PageDown) << false << 4;
    QTest::newRow("home") << int(Qt::Key_Home) << false << 2;
    QTest::newRow("end") << int(Qt::Key_End) << false << 48;
  }

  void keysStep() {
    QFETCH(int, key);
    QFETCH(bool, shift);
    QFETCH(int, order);
    QTest::keyClick(m_plot.get(), static_cast<Qt::Key>(key), shift ? Qt::ShiftModifier : Qt::NoModifier);
    QCOMPARE(m_plot->order(), order);
    QCOMPARE(m_moved->size(), 1);
    QCOMPARE(m_chosen->size(), 1);
  }

  void programIsSilent() {
    m_plot->setOrder(30);
    m_plot->setOrder(1000);
    QCOMPARE(m_plot->order(), 48);
    m_plot->setOrderRange(0, 16, 2);
    QCOMPARE(m_plot->order(), 16);
    m_plot->setOrder(7);
    QCOMPARE(m_plot->order() % 2, 0);
    QCOMPARE(m_moved->size() + m_chosen->size(), 0);
  }

  void stepOfTwoKeepsToEvenOrders() {
    m_plot->setOrderRange(0, 48, 2);
    QTest::keyClick(m_plot.get(), Qt::Key_Right);
    QCOMPARE(m_plot->order(), 14);
    QTest::mousePress(m_plot.get(), Qt::LeftButton, {}, onLine(14));
    QTest::mouseMove(m_plot.get(), onLine(21));
    QTest::mouseRelease(m_plot.get(), Qt::LeftButton, {}, onLine(21));
    QVERIFY(m_plot->order() == 20 || m_plot->order() == 22);
  }

  void saysErrorAndCertificate() {
    QVERIFY(m_plot->valueText().contains(QStringLiteral("order 12")));
    QTest::mouseMove(m_plot.get(), m_plot->pixelAt(20, 0.5).toPoint());
    for (const char* part : {"order 20", "error", "at least", "error / least 1.40×"}) {
      QVERIFY2(m_plot->valueText().contains(QString::fromUtf8(part)), qPrintable(m_plot->valueText()));
    }
  }

  void unknownAndUselessValues() {
    std::vector<double> errors(49, std::nan(""));
    errors[8] = 1e-3;
    m_plot->setErrors(errors);
    m_plot->setSingularValues({0, 0, 0});
    QVERIFY(!m_plot->image({}).isNull());
    m_plot->setSingularValues({1, 1e-20, 0, -0.0});
    QVERIFY(!m_plot->image({}).isNull());
    QVERIFY(m_plot->yRange().low > 0);
    // The first two of four are known: the axis is that of four, and there is nothing to read at the third.
    m_plot->setSingularValues({1, 0.5, std::nan(""), std::nan("")});
    QCOMPARE(m_plot->xRange().high, 1.03 * 4);
    QVERIFY(!m_plot->image({}).isNull());
    QTest::qWait(20);
    QTest::mouseMove(m_plot.get(), m_plot->pixelAt(2, 0.6).toPoint());
    QVERIFY2(m_plot->valueText().contains(QStringLiteral("σ")), qPrintable(m_plot->valueText()));
    QTest::mouseMove(m_plot.get(), m_plot->pixelAt(3, 0.6).toPoint());
    QVERIFY2(!m_plot->valueText().contains(QStringLiteral("σ")), qPrintable(m_plot->valueText()));
    m_plot->setSingularValues({});
    QTest::keyClick(m_plot.get(), Qt::Key_Right);
    QCOMPARE(m_plot->order(), 12);  // nothing to choose from
    QCOMPARE(m_chosen->size(), 0);
  }

  void tableHasNoFalseRow() {
    const DataTable table = m_plot->table();
    QCOMPARE(table.rows(), 65);
    QVERIFY(std::isnan(table.columns[1][0]));
    QCOMPARE(table.columns[1][1], samples::singularValues(64)[0]);
    QCOMPARE(table.columns[2][24], samples::errors(64, 1.4)[24]);
  }
};

QTEST_MAIN(TestHankelPlot)
#include "test_hankelplot.moc"
