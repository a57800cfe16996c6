// What every plot can do, tried on the impulse response with real events.
#include <QAccessible>
#include <QApplication>
#include <QClipboard>
#include <QSignalSpy>
#include <QTableView>
#include <QtTest>

#include "samples.h"
#include "widgets/format.h"
#include "widgets/signalplot.h"

using namespace widgets;

namespace {

void wheel(QWidget& widget, QPointF at, int notches, Qt::KeyboardModifiers modifiers = Qt::NoModifier) {
  QWheelEvent event(at, widget.mapToGlobal(at), {}, {0, 120 * notches}, Qt::NoButton, modifiers, Qt::NoScrollPhase,
                    false);
  QApplication::sendEvent(&widget, &event);
}

double width(Range range) {
  return range.high - range.low;
}

}  // namespace

class TestPlot : public QObject {
  Q_OBJECT

 private:
  std::unique_ptr<SignalPlot> m_plot;
  QTemporaryDir m_folder;

 private Q_SLOTS:
  void initTestCase() { applyTheme(*qApp, Theme::light()); }

  void init() {
    m_plot = std::make_unique<SignalPlot>();
    m_plot->resize(600, 400);
    m_plot->setOriginal(samples::filter());
    m_plot->setFit(samples::fit());
    m_plot->show();
    QVERIFY(QTest::qWaitForWindowActive(m_plot.get()));
    m_plot->setFocus();
    QTest::qWait(20);
  }

  void cleanup() { m_plot.reset(); }

  void wheelZoomsAroundThePointer() {
    const QPointF at = m_plot->pixelAt(300, 0.1);
    const Range x = m_plot->xRange();
    const Range y = m_plot->yRange();
    wheel(*m_plot, at, 2);
    QVERIFY(width(m_plot->xRange()) < 0.7 * width(x));
    QVERIFY(width(m_plot->yRange()) < 0.7 * width(y));
    QVERIFY(std::abs(m_plot->coordinatesAt(at).x() - 300) < 1e-6);
    wheel(*m_plot, at, -2);
    QVERIFY(std::abs(width(m_plot->xRange()) - width(x)) < 1e-6);
  }

  void wheelKeepsToOneAxis() {
    const QPointF at = m_plot->pixelAt(300, 0.1);
    const Range x = m_plot->xRange();
    const Range y = m_plot->yRange();
    wheel(*m_plot, at, 1, Qt::ControlModifier);
    QVERIFY(width(m_plot->xRange()) < width(x));
    QCOMPARE(m_plot->yRange().low, y.low);
    const Range zoomed = m_plot->xRange();
    wheel(*m_plot, at, 1, Qt::ShiftModifier);
    QCOMPARE(m_plot->xRange().low, zoomed.low);
    QVERIFY(width(m_plot->yRange()) < width(y));
    const Range both = m_plot->yRange();
    wheel(*m_plot, {20, at.y()}, 1);  // over the y axis
    QCOMPARE(m_plot->xRange().low, zoomed.low);
    QVERIFY(width(m_plot->yRange()) < width(both));
  }

  void dragPansAndDoubleClickFits() {
    const Range fitted = m_plot->xRange();
    const QPoint from = m_plot->pixelAt(300, 0.1).toPoint();
    QTest::mousePress(m_plot.get(), Qt::LeftButton, {}, from);
    QTest::mouseMove(m_plot.get(), from + QPoint(40, 0));
    QTest::mouseMove(m_plot.get(), from + QPoint(80, 0));
    QTest::mouseRelease(m_plot.get(), Qt::LeftButton, {}, from + QPoint(80, 0));
    QVERIFY(m_plot->xRange().low < fitted.low - 50);
    QCOMPARE(width(m_plot->xRange()), width(fitted));
    QTest::mouseDClick(m_plot.get(), Qt::LeftButton, {}, from);
    QCOMPARE(m_plot->xRange().low, fitted.low);
  }

  void clickAloneMovesNothing() {
    const Range fitted = m_plot->xRange();
    const QPoint at = m_plot->pixelAt(300, 0.1).toPoint();
    QTest::mouseClick(m_plot.get(), Qt::LeftButton, {}, at);
    QCOMPARE(m_plot->xRange().low, fitted.low);
    m_plot->setOriginal(samples::filter(2048));  // still fitted: new data are shown whole
    QVERIFY(m_plot->xRange().high > 2047);
  }

  void boxZoom() {
    const QPoint a = m_plot->pixelAt(100, 0.5).toPoint();
    const QPoint b = m_plot->pixelAt(200, -0.25).toPoint();
    QTest::mousePress(m_plot.get(), Qt::LeftButton, Qt::ShiftModifier, a);
    QTest::mouseMove(m_plot.get(), b);
    QTest::mouseRelease(m_plot.get(), Qt::LeftButton, Qt::ShiftModifier, b);
    QVERIFY(std::abs(m_plot->xRange().low - 100) < 3 && std::abs(m_plot->xRange().high - 200) < 3);
    QVERIFY(std::abs(m_plot->yRange().high - 0.5) < 0.02 && std::abs(m_plot->yRange().low + 0.25) < 0.02);
  }

  void keysSwitchLogarithmicAxes() {
    QTest::keyClick(m_plot.get(), Qt::Key_Y);
    QVERIFY(m_plot->logY());
    QVERIFY(m_plot->yRange().low > 0);
    QTest::keyClick(m_plot.get(), Qt::Key_X);
    QVERIFY(m_plot->logX());
    QVERIFY(m_plot->xRange().low > 0);
    QTest::keyClick(m_plot.get(), Qt::Key_Y);
    QVERIFY(!m_plot->logY());
  }

  void logarithmicAxesSurviveZeros() {
    m_plot->setOriginal(std::vector<double>(64, 0.0));
    m_plot->setLogY(true);
    m_plot->setLogX(true);
    QVERIFY(!m_plot->image({}).isNull());
    QVERIFY(m_plot->yRange().low > 0 && std::isfinite(m_plot->yRange().high));
    m_plot->setOriginal({0, 1e-300, std::nan(""), INFINITY, -4});
    QVERIFY(!m_plot->image({}).isNull());
    m_plot->setOriginal({3});
    QVERIFY(!m_plot->image({}).isNull());
    QCOMPARE(m_plot->table().rows(), 1024);  // the fit is still there
  }

  void cursorSnapsToSamples() {
    QTest::mouseMove(m_plot.get(), (m_plot->pixelAt(250.3, 0.2)).toPoint());
    const size_t lag = 250;
    const QString expected = QStringLiteral("t %1, h %2").arg(lag).arg(number(samples::filter()[lag]));
    QVERIFY2(m_plot->valueText().startsWith(expected), qPrintable(m_plot->valueText()));
    QEvent leave(QEvent::Leave);
    QApplication::sendEvent(m_plot.get(), &leave);
    QVERIFY(m_plot->valueText().contains(QStringLiteral("taps")));
  }

  void arrowKeysMoveTheCursor() {
    QTest::keyClick(m_plot.get(), Qt::Key_Right);
    QTest::keyClick(m_plot.get(), Qt::Key_Right);
    QTest::keyClick(m_plot.get(), Qt::Key_Right, Qt::ShiftModifier);
    QVERIFY2(m_plot->valueText().startsWith(QStringLiteral("t 11,")), qPrintable(m_plot->valueText()));
    QTest::keyClick(m_plot.get(), Qt::Key_Escape);
    QVERIFY(m_plot->valueText().contains(QStringLiteral("taps")));
  }

  void speaksToScreenReaders() {
    QAccessibleInterface* face = QAccessible::queryAccessibleInterface(m_plot.get());
    QVERIFY(face);
    QCOMPARE(face->text(QAccessible::Name), QStringLiteral("Impulse response"));
    QVERIFY(face->text(QAccessible::Value).contains(QStringLiteral("taps")));
    QTest::keyClick(m_plot.get(), Qt::Key_T);
    const auto* view = m_plot->findChild<QTableView*>();
    QVERIFY(view && view->model()->rowCount() == 1024);
    QCOMPARE(view->model()->columnCount(), 4);
  }

  void residualIsTheDifference() {
    const auto h = samples::filter();
    const auto fit = samples::fit();
    const DataTable table = m_plot->table();
    QCOMPARE(table.headers.size(), 4);
    for (size_t i = 0; i < h.size(); ++i) QCOMPARE(table.columns[3][i], h[i] - fit[i]);
    m_plot->setFit({});
    QCOMPARE(m_plot->table().headers.size(), 2);
  }

  void emptySaysWhatToDo() {
    m_plot->setOriginal({});
    QVERIFY(m_plot->isEmpty());
    QVERIFY(m_plot->valueText().startsWith(QStringLiteral("Select a filter")));
    wheel(*m_plot, {300, 200}, 3);
    QTest::mouseClick(m_plot.get(), Qt::LeftButton, {}, {300, 200});
    QTest::keyClick(m_plot.get(), Qt::Key_Right);
    QVERIFY(!m_plot->image({}).isNull());
    QCOMPARE(m_plot->table().rows(), 0);
  }

  void exports_data() {
    QTest::addColumn<QString>("suffix");
    QTest::addColumn<QByteArray>("magic");
    QTest::newRow("png") << "png" << QByteArray("\x89PNG");
    QTest::newRow("svg") << "svg" << QByteArray("<?xml");
    QTest::newRow("pdf") << "pdf" << QByteArray("%PDF");
  }

  void exports() {
    QFETCH(QString, suffix);
    QFETCH(QByteArray, magic);
    m_plot->setProvenance(QStringLiteral("sample.ckpt, layer 3"));
    const QString path = m_folder.filePath(QStringLiteral("figure.") + suffix);
    QCOMPARE(m_plot->exportTo(path, {QSize(500, 320), 2, Theme::dark()}), QString());
    QFile file(path);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QByteArray content = file.readAll();
    QVERIFY(content.startsWith(magic));
    QCOMPARE(m_plot->theme(), Theme::light());
    if (suffix == QLatin1String("png")) QCOMPARE(QImage(path).size(), QSize(1000, 640));
    if (suffix != QLatin1String("svg")) return;
    for (const char* text : {"Impulse response", "h original", "lag t  (tokens)", "sample.ckpt, layer 3"}) {
      QVERIFY2(content.contains(text), text);
    }
  }

  void exportSaysWhatFailed() {
    QVERIFY(m_plot->exportTo(m_folder.filePath(QStringLiteral("figure.bmp")), {}).contains(QStringLiteral(".png")));
    const QString problem = m_plot->exportTo(m_folder.filePath(QStringLiteral("no/such/folder/figure.png")), {});
    QVERIFY(problem.contains(QStringLiteral("could not be written")) && problem.contains(QStringLiteral("figure.png")));
  }

  void exportSizeIsHeld() {
    QCOMPARE(m_plot->image({QSize(-5, 1 << 30), 99, std::nullopt}).size(), QSize(120, 8192) * 4);
    m_plot->copyImage();
    QCOMPARE(QApplication::clipboard()->image().size(), m_plot->size() * 2);
  }

  void linkedAxesFollow() {
    SignalPlot other;
    other.setOriginal(samples::filter());
    connect(m_plot.get(), &Plot::xRangeChanged, &other, &Plot::setXRange);
    connect(&other, &Plot::xRangeChanged, m_plot.get(), &Plot::setXRange);
    m_plot->setXRange({10, 20});
    QCOMPARE(other.xRange().low, 10.0);
    other.setXRange({30, 40});
    QCOMPARE(m_plot->xRange().high, 40.0);
  }
};

QTEST_MAIN(TestPlot)
#include "test_plot.moc"
