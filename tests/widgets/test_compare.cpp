// Comparing: overlays of named fits, the marks A and B, pages of several plots.
#include <QApplication>
#include <QClipboard>
#include <QSignalSpy>
#include <QtTest>
#include <cmath>

#include "samples.h"
#include "widgets/figurepage.h"
#include "widgets/hankelplot.h"
#include "widgets/poleplot.h"
#include "widgets/signalplot.h"
#include "widgets/spectrumplot.h"

using namespace widgets;

namespace {

std::vector<Overlay> twoFits() {
  auto half = samples::filter();
  for (double& tap : half) tap *= 0.5;
  return {{QStringLiteral("Prony"), samples::fit()}, {QStringLiteral("balanced"), half}};
}

int pixelsOf(const QImage& picture, const QColor& colour) {
  int found = 0;
  for (int y = 0; y < picture.height(); ++y) {
    for (int x = 0; x < picture.width(); ++x) found += picture.pixelColor(x, y) == colour;
  }
  return found;
}

}  // namespace

class TestCompare : public QObject {
  Q_OBJECT

 private:
  std::unique_ptr<SignalPlot> m_plot;
  QTemporaryDir m_folder;

 private Q_SLOTS:
  void initTestCase() { applyTheme(*qApp, Theme::light()); }

  void init() {
    m_plot = std::make_unique<SignalPlot>();
    m_plot->resize(640, 400);
    m_plot->setOriginal(samples::filter());
    m_plot->show();
    QVERIFY(QTest::qWaitForWindowActive(m_plot.get()));
    m_plot->setFocus();
    QTest::qWait(20);
  }

  void cleanup() { m_plot.reset(); }

  void overlaysAreDrawnNamedAndRead() {
    const ExportOptions options{QSize(640, 400), 1, std::nullopt};
    const QColor first = Theme::light().colour(overlayRole(0));
    const QColor second = Theme::light().colour(overlayRole(1));
    QCOMPARE(pixelsOf(m_plot->image(options), first), 0);
    m_plot->setOverlays(twoFits());
    QVERIFY(pixelsOf(m_plot->image(options), first) > 50);
    QVERIFY(pixelsOf(m_plot->image(options), second) > 50);
    const DataTable table = m_plot->table();
    QCOMPARE(table.headers.mid(2), (QStringList{QStringLiteral("Prony: ĥ"), QStringLiteral("balanced: ĥ")}));
    QCOMPARE(table.columns[3][100], 0.5 * samples::filter()[100]);
    QTest::mouseMove(m_plot.get(), m_plot->pixelAt(100, 0.3).toPoint());
    QVERIFY2(m_plot->valueText().contains(QStringLiteral("Prony ")), qPrintable(m_plot->valueText()));
    m_plot->setLogY(true);
    QVERIFY(!m_plot->image(options).isNull());
    m_plot->setOverlays({});
    QCOMPARE(pixelsOf(m_plot->image(options), first), 0);
    QCOMPARE(m_plot->table().headers.size(), 2);
  }

  void overlaysOfTheOtherPlots() {
    HankelPlot hankel;
    hankel.setSingularValues(samples::singularValues(64));
    auto errors = samples::errors(32, 3);
    errors[5] = std::nan("");
    hankel.setOverlays({{QStringLiteral("AAK"), errors}});
    hankel.setOrder(64);  // what lies beyond the order is veiled
    QCOMPARE(hankel.table().headers.last(), QStringLiteral("AAK: error (relative l2)"));
    QVERIFY(pixelsOf(hankel.image({QSize(600, 400), 1, std::nullopt}), Theme::light().colour(overlayRole(0))) > 20);
    SpectrumPlot spectrum;
    spectrum.setOriginal({std::vector<double>(65, -3.0), {}, {}});
    spectrum.setOverlays({{QStringLiteral("AAA"), std::vector<double>(65, -6.0)}});
    QCOMPARE(spectrum.table().headers.last(), QStringLiteral("AAA: magnitude (dB)"));
    spectrum.setOriginal({});
    QCOMPARE(spectrum.table().rows(), 0);
    PolePlot poles;
    poles.setPoles({{0.5, 0.5}, {0.5, -0.5}});
    poles.setOverlays({{QStringLiteral("pinned"), {}}, {QStringLiteral("Prony"), {{-0.6, 0}}}});
    poles.resize(500, 400);
    QCOMPARE(poles.table().headers.last(), QStringLiteral("Prony: Im λ"));
    const QImage drawn = poles.image({QSize(500, 400), 1, std::nullopt});
    QVERIFY(pixelsOf(drawn, Theme::light().colour(overlayRole(1))) > 10);
    QCOMPARE(pixelsOf(drawn, Theme::light().colour(overlayRole(0))), 0);  // without poles nothing is drawn or named
    m_plot->hide();  // else the pointer would be over both
    poles.show();
    QVERIFY(QTest::qWaitForWindowActive(&poles));
    QTest::qWait(20);
    QTest::mouseMove(&poles, poles.pixelAt(-0.6, 0).toPoint() - QPoint(30, 30));
    QTest::mouseMove(&poles, poles.pixelAt(-0.6, 0).toPoint());
    QVERIFY2(poles.valueText().contains(QStringLiteral("method Prony")), qPrintable(poles.valueText()));
    QCOMPARE(poles.hovered(), -1);  // its modes are not those of the fit
    poles.setOverlays({});
    QCOMPARE(poles.table().headers.size(), 6);
  }

  void manyOverlaysKeepTheirLooks() {
    QCOMPARE(overlayRole(0), overlayRole(overlayCount));
    for (int i = 0; i < overlayCount; ++i) {
      for (int j = 0; j < i; ++j) {
        QVERIFY(Theme::light().colour(overlayRole(size_t(i))) != Theme::light().colour(overlayRole(size_t(j))));
        QVERIFY(Theme::light().pen(overlayRole(size_t(i))).dashPattern() !=
                Theme::light().pen(overlayRole(size_t(j))).dashPattern());
      }
    }
    m_plot->setOverlays(std::vector<Overlay>(20, {QStringLiteral("a long name of a method"), samples::fit()}));
    QVERIFY(!m_plot->image({}).isNull());
  }

  void marksTellDifferenceAndRatio() {
    QTest::keyClick(m_plot.get(), Qt::Key_M);  // no cursor yet
    QVERIFY(m_plot->marks().empty());
    QTest::mouseMove(m_plot.get(), m_plot->pixelAt(130, 0.2).toPoint());
    QTest::keyClick(m_plot.get(), Qt::Key_M);
    QTest::mouseMove(m_plot.get(), m_plot->pixelAt(300, 0.3).toPoint());
    QTest::keyClick(m_plot.get(), Qt::Key_M);
    const auto marks = m_plot->marks();
    QCOMPARE(marks.size(), size_t(2));
    for (const QPointF mark : marks) {
      QVERIFY(std::abs(mark.x() - std::round(mark.x())) < 1e-6);
      QVERIFY(std::abs(mark.y() - samples::filter()[size_t(std::lround(mark.x()))]) < 1e-9);
    }
    QTest::keyClick(m_plot.get(), Qt::Key_M, Qt::ShiftModifier);
    QVERIFY(m_plot->markText().isEmpty());
    m_plot->setMarks({{12, 0.5}, {20, 0.25}});
    QCOMPARE(m_plot->markText(), QStringLiteral("A (12, 0.5000)  B (20, 0.2500)  Δx 8  Δy −0.2500  B/A 0.500×"));
    QTest::keyClick(m_plot.get(), Qt::Key_C, Qt::ControlModifier | Qt::ShiftModifier);
    QCOMPARE(QApplication::clipboard()->text(), m_plot->markText());
    m_plot->setMarks({{std::nan(""), 0}, {1, 1}, {2, 2}, {3, 3}});
    QCOMPARE(m_plot->marks().size(), size_t(2));
  }

  void marksAreExportedTheCursorIsNot() {
    const ExportOptions options{QSize(500, 300), 1, std::nullopt};
    const QImage bare = m_plot->image(options);
    QTest::mouseMove(m_plot.get(), m_plot->pixelAt(200, 0.2).toPoint());
    QVERIFY(m_plot->image(options) == bare);
    m_plot->setMarks({{100, 0.1}});
    QVERIFY(m_plot->image(options) != bare);
  }

  void pageHoldsAllPlots() {
    HankelPlot hankel;
    hankel.setSingularValues(samples::singularValues(64));
    PolePlot poles;
    poles.setPoles({{0.5, 0.5}, {0.5, -0.5}});
    SpectrumPlot empty;
    const QSize before = m_plot->size();
    const Range range = m_plot->xRange();
    const FigurePage page{QStringLiteral("Layer 3, channel 17"),
                          QStringLiteral("sample.ckpt"),
                          {m_plot.get(), &empty, &hankel, &poles},
                          2};
    const ExportOptions options{QSize(1000, 700), 2, Theme::dark()};
    const QImage picture = pageImage(page, options);
    QCOMPARE(picture.size(), QSize(2000, 1400));
    // Each quarter has its own data.
    QVERIFY(pixelsOf(picture.copy(0, 0, 1000, 700), Theme::dark().colour(Role::Original)) > 100);
    QCOMPARE(pixelsOf(picture.copy(1000, 0, 1000, 700), Theme::dark().colour(Role::Original)), 0);
    QVERIFY(pixelsOf(picture.copy(0, 700, 1000, 700), Theme::dark().colour(Role::Original)) > 100);
    QVERIFY(pixelsOf(picture.copy(1000, 700, 1000, 700), Theme::dark().colour(Role::Distilled)) > 50);
    QCOMPARE(m_plot->theme(), Theme::light());
    QCOMPARE(m_plot->size(), before);
    QCOMPARE(m_plot->xRange().high, range.high);

    const QString path = m_folder.filePath(QStringLiteral("page.svg"));
    QCOMPARE(exportPage(page, path, options), QString());
    QFile file(path);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QByteArray svg = file.readAll();
    for (const char* text :
         {"Layer 3, channel 17", "sample.ckpt", "Impulse response", "Hankel singular values", "Poles"}) {
      QVERIFY2(svg.contains(text), text);
    }
    QVERIFY(exportPage(page, QStringLiteral("page.doc"), options).contains(QStringLiteral(".pdf")));
    QVERIFY(!pageImage({}, options).isNull());
    QVERIFY(!pageImage({QStringLiteral("t"), {}, {m_plot.get()}, -3}, {QSize(1, 1), 1, std::nullopt}).isNull());
  }
};

QTEST_MAIN(TestCompare)
#include "test_compare.moc"
