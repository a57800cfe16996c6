#include <QApplication>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QtTest>
#include <numbers>

#include "samples.h"
#include "widgets/spectrumplot.h"

using namespace widgets;

class TestSpectrumPlot : public QObject {
  Q_OBJECT

 private:
  std::unique_ptr<SpectrumPlot> m_plot;

 private Q_SLOTS:
  void initTestCase() { applyTheme(*qApp, Theme::light()); }

  void init() {
    m_plot = std::make_unique<SpectrumPlot>();
    m_plot->resize(560, 360);
    const auto h = samples::spectrum(samples::filter(256), 257);
    const auto fit = samples::spectrum(samples::fit(256), 257);
    m_plot->setOriginal({samples::decibels(h), samples::unwrappedPhase(h), std::vector<double>(257, 3.5)});
    m_plot->setFit({samples::decibels(fit), samples::unwrappedPhase(fit), std::vector<double>(257, 3.25)});
    m_plot->show();
    QVERIFY(QTest::qWaitForWindowActive(m_plot.get()));
    m_plot->setFocus();
    QTest::qWait(20);
  }

  void cleanup() { m_plot.reset(); }

  // Where the title of an axis has no room its unit stands alone: no stump with an ellipsis.
  void aLowPlotKeepsItsUnit() {
    QTemporaryDir folder;
    const auto drawn = [&](int height) {
      const QString path = folder.filePath(QStringLiteral("%1.svg").arg(height));
      if (!m_plot->exportTo(path, {QSize(560, height), 1, std::nullopt}).isEmpty()) return QByteArray();
      QFile file(path);
      return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    };
    const QByteArray high = drawn(360), low = drawn(120);
    QVERIFY(high.contains(">dB)<"));  // letters of two fonts stand apart in an SVG
    QVERIFY(!low.contains(">dB)<") && low.contains(">dB<"));
    QVERIFY(!low.contains(QStringLiteral("…").toUtf8()));
  }

  void quantitiesFollowOneAnother() {
    const QPoint middle = m_plot->pixelAt(std::numbers::pi / 2, 0).toPoint();
    int height = 150;
    const auto textAt = [&] {
      QTest::qWait(20);
      QTest::mouseMove(m_plot.get(), QPoint(middle.x(), ++height));
      const QString text = m_plot->valueText();
      m_plot->clearCursor();
      return text;
    };
    QVERIFY(textAt().contains(QStringLiteral(" dB")));
    QTest::keyClick(m_plot.get(), Qt::Key_Q);
    QCOMPARE(m_plot->quantity(), SpectrumPlot::Quantity::Phase);
    QVERIFY(textAt().contains(QStringLiteral(" rad")));
    QTest::keyClick(m_plot.get(), Qt::Key_Q);
    const QString delay = textAt();
    QVERIFY2(delay.contains(QStringLiteral("original 3.500 tokens, distilled 3.250 tokens")), qPrintable(delay));
    QVERIFY2(delay.contains(QStringLiteral("ω 0.5")) && delay.contains(QStringLiteral("period ")), qPrintable(delay));
    QTest::keyClick(m_plot.get(), Qt::Key_Q);
    QCOMPARE(m_plot->quantity(), SpectrumPlot::Quantity::Magnitude);
  }

  void arrowKeysStepThroughFrequencies() {
    const auto frequency = [&] {
      static const QRegularExpression omega(QStringLiteral("ω ([0-9.]+)"));
      return omega.match(m_plot->valueText()).captured(1).toDouble();
    };
    QTest::keyClick(m_plot.get(), Qt::Key_Right);
    const double first = frequency();
    QTest::keyClick(m_plot.get(), Qt::Key_Right);
    const double second = frequency();
    QVERIFY2(second > first, qPrintable(m_plot->valueText()));
    QTest::keyClick(m_plot.get(), Qt::Key_Left);
    QCOMPARE(frequency(), first);
  }

  void aDragWithControlDrawsABand() {
    QSignalSpy drawn(m_plot.get(), &SpectrumPlot::bandDrawn);
    QWindow* window = m_plot->windowHandle();
    const QPoint from = m_plot->pixelAt(2, 0).toPoint(), to = m_plot->pixelAt(0.5, 0).toPoint();
    const auto drag = [&](Qt::KeyboardModifiers keys, QPoint end) {
      QTest::mousePress(window, Qt::LeftButton, keys, from);
      QTest::mouseMove(window, end);
      QTest::mouseRelease(window, Qt::LeftButton, keys, end);
      QTest::qWait(20);
    };
    drag(Qt::NoModifier, to);  // moves the view
    QCOMPARE(drawn.size(), 0);
    m_plot->fit();
    QTest::qWait(20);
    drag(Qt::ControlModifier, from);  // no width
    QCOMPARE(drawn.size(), 0);
    drag(Qt::ControlModifier, to);
    QCOMPARE(drawn.size(), 1);
    QVERIFY(std::abs(drawn[0][0].toDouble() - 0.5) < 0.02 && std::abs(drawn[0][1].toDouble() - 2) < 0.02);
  }

  void logarithmicFrequencyKeepsZeroOut() {
    m_plot->setLogX(true);
    QVERIFY(m_plot->xRange().low > 0);
    m_plot->setLogY(true);  // decibels already are
    QVERIFY(!m_plot->logY());
    QVERIFY(!m_plot->image({}).isNull());
  }

  void deepNotchesDoNotRuleTheRange() {
    auto magnitude = std::vector<double>(257, 10.0);
    magnitude[7] = -400;
    m_plot->setOriginal({magnitude, {}, {}});
    m_plot->setFit({});
    QVERIFY(m_plot->yRange().low > -200);
    QCOMPARE(m_plot->table().columns[1][7], -400.0);  // but the table is complete
    m_plot->setQuantity(SpectrumPlot::Quantity::Phase);
    QVERIFY(m_plot->isEmpty());  // no phase was given
    QVERIFY(!m_plot->image({}).isNull());
  }

  void emptyForgetsTheFit() {
    m_plot->setOriginal({});
    QVERIFY(m_plot->isEmpty());
    QCOMPARE(m_plot->table().rows(), 0);
    m_plot->setOriginal({{1.0}, {}, {}});  // a single bin
    m_plot->setLogX(true);
    QTest::mouseMove(m_plot.get(), {280, 180});
    QVERIFY(!m_plot->image({}).isNull());
  }
};

QTEST_MAIN(TestSpectrumPlot)
#include "test_spectrumplot.moc"
