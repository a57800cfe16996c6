#include <QApplication>
#include <QSignalSpy>
#include <QtTest>
#include <complex>
#include <numbers>

#include "widgets/poleplot.h"

using namespace widgets;
using Complex = std::complex<double>;

class TestPolePlot : public QObject {
  Q_OBJECT

 private:
  std::unique_ptr<PolePlot> m_plot;

  QPoint at(Complex pole) const { return m_plot->pixelAt(pole.real(), pole.imag()).toPoint(); }

 private Q_SLOTS:
  void initTestCase() { applyTheme(*qApp, Theme::light()); }

  void init() {
    m_plot = std::make_unique<PolePlot>();
    m_plot->resize(500, 400);
    m_plot->setPoles({{0.5, 0.5}, {0.5, -0.5}, {-0.8, 0}, {-0.8, 1e-15}, std::polar(1.05, 2.0), std::polar(1.05, -2.0)},
                     {{0.2, 0.1}, {0.2, -0.1}, {0.4, 0}, {0.1, 0}, {0.01, 0}, {0.01, 0}});
    m_plot->show();
    QVERIFY(QTest::qWaitForWindowActive(m_plot.get()));
    m_plot->setFocus();
    QTest::qWait(20);
  }

  void cleanup() { m_plot.reset(); }

  void circleIsACircle() {
    const QPointF centre = m_plot->pixelAt(0, 0);
    const QPointF right = m_plot->pixelAt(1, 0);
    const QPointF top = m_plot->pixelAt(0, 1);
    QVERIFY(std::abs((right.x() - centre.x()) - (centre.y() - top.y())) < 0.5);
    m_plot->resize(700, 250);
    QTest::qWait(20);
    const QPointF wide = m_plot->pixelAt(1, 1) - m_plot->pixelAt(0, 0);
    QVERIFY(std::abs(wide.x() + wide.y()) < 0.5);
    QVERIFY(m_plot->yRange().high >= 1.05);
  }

  void hoverTellsOnce() {
    QSignalSpy hovered(m_plot.get(), &PolePlot::poleHovered);
    QTest::mouseMove(m_plot.get(), at({0.5, 0.5}));
    QTest::mouseMove(m_plot.get(), at({0.5, 0.5}) + QPoint(2, 1));
    QCOMPARE(hovered.size(), 1);
    QCOMPARE(hovered[0][0].toInt(), 0);
    QVERIFY2(m_plot->valueText().contains(QStringLiteral("radius 0.7071")), qPrintable(m_plot->valueText()));
    QVERIFY(m_plot->valueText().contains(QStringLiteral("angle 0.2500 π")));
    QVERIFY(m_plot->valueText().contains(QStringLiteral("decay time 2.885 tokens")));
    QVERIFY(m_plot->valueText().contains(QStringLiteral("|residue| 0.2236")));
    QTest::mouseMove(m_plot.get(), at({0, 0}));
    QCOMPARE(hovered.size(), 2);
    QCOMPARE(hovered[1][0].toInt(), -1);
  }

  void programRingsSilently() {
    QSignalSpy hovered(m_plot.get(), &PolePlot::poleHovered);
    const QImage before = m_plot->grab().toImage();
    m_plot->setHovered(2);
    QTest::qWait(20);
    QVERIFY(m_plot->grab().toImage() != before);
    m_plot->setHovered(99);
    QCOMPARE(m_plot->hovered(), -1);
    QCOMPARE(hovered.size(), 0);
  }

  void coincidentPolesAreCounted() {
    QCOMPARE(m_plot->coincident(2), 2);
    QCOMPARE(m_plot->coincident(0), 1);
    QTest::mouseMove(m_plot.get(), at({-0.8, 0}));
    QVERIFY2(m_plot->valueText().contains(QStringLiteral("poles here 2")), qPrintable(m_plot->valueText()));
  }

  void unstableOnesAreToldApart() {
    QCOMPARE(m_plot->unstableCount(), 2);
    QVERIFY(m_plot->valueText().contains(QStringLiteral("2 unstable")));
    QTest::mouseMove(m_plot.get(), at(std::polar(1.05, 2.0)));
    QVERIFY(m_plot->valueText().contains(QStringLiteral("grows")));
    const QImage picture = m_plot->image({QSize(500, 400), 1, std::nullopt});
    const QColor red = Theme::light().colour(Role::Unstable);
    int found = 0;
    for (int y = 0; y < picture.height(); ++y) {
      for (int x = 0; x < picture.width(); ++x) found += picture.pixelColor(x, y) == red;
    }
    QVERIFY(found > 10);
  }

  void rimTellsLongMemoriesApart() {
    m_plot->setPoles({{0.999, 0}, {0.9999, 0}, {1.0, 0}}, {});
    QTest::qWait(20);
    QCOMPARE(m_plot->coincident(0), 1);
    const auto apart = [](QPointF a, QPointF b) { return std::hypot((a - b).x(), (a - b).y()); };
    QVERIFY(apart(m_plot->pixelAt(0.999, 0), m_plot->pixelAt(0.9999, 0)) < 1);
    QTest::keyClick(m_plot.get(), Qt::Key_R);
    QTest::qWait(20);
    QCOMPARE(m_plot->view(), PolePlot::View::Rim);
    QVERIFY(apart(m_plot->pixelAt(0, 1e-3), m_plot->pixelAt(0, 1e-4)) > 20);
    QTest::mouseMove(m_plot.get(), m_plot->pixelAt(0, 1e-4).toPoint());
    QVERIFY2(m_plot->valueText().contains(QStringLiteral("decay time 9999")), qPrintable(m_plot->valueText()));
    QTest::keyClick(m_plot.get(), Qt::Key_R);
    QCOMPARE(m_plot->view(), PolePlot::View::Plane);
  }

  void keysWalkFromPoleToPole() {
    QSignalSpy hovered(m_plot.get(), &PolePlot::poleHovered);
    QTest::keyClick(m_plot.get(), Qt::Key_Right);
    QTest::keyClick(m_plot.get(), Qt::Key_Right);
    QCOMPARE(hovered.size(), 2);
    QCOMPARE(hovered[1][0].toInt(), 1);
  }

  void oddSets() {
    m_plot->setPoles({}, {});
    QVERIFY(m_plot->isEmpty());
    QVERIFY(!m_plot->image({}).isNull());
    m_plot->setPoles({{0, 0}, {std::nan(""), 0}, {1e9, -1e9}, {1, 0}}, {{0, 0}});
    for (const auto view : {PolePlot::View::Rim, PolePlot::View::Plane}) {
      m_plot->setView(view);
      QVERIFY(!m_plot->image({}).isNull());
      QTest::mouseMove(m_plot.get(), {250, 200});
    }
    QCOMPARE(m_plot->table().rows(), 4);
  }
};

QTEST_MAIN(TestPolePlot)
#include "test_poleplot.moc"
