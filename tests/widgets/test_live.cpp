// Lanes, large numbers and sparklines.
#include <QApplication>
#include <QStandardItemModel>
#include <QTableView>
#include <QtTest>
#include <cmath>

#include "widgets/bignumber.h"
#include "widgets/laneplot.h"
#include "widgets/sparkline.h"

using namespace widgets;

namespace {

int pixelsOf(const QImage& picture, const QColor& colour, const QRect& within) {
  int found = 0;
  for (int y = within.top(); y <= within.bottom(); ++y) {
    for (int x = within.left(); x <= within.right(); ++x) found += picture.pixelColor(x, y) == colour;
  }
  return found;
}

}  // namespace

class TestLive : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { applyTheme(*qApp, Theme::light()); }

  void lanesGrow() {
    LanePlot plot(LanePlot::Quantity::MillisecondsPerToken);
    plot.resize(600, 300);
    plot.show();
    QVERIFY(plot.isEmpty());
    plot.setExpectedLength(1000);
    for (int t = 0; t < 500; ++t) {
      plot.append(Role::Transformer, t, 1 + 0.01 * t);
      plot.append(Role::Distilled, t, 0.5);
    }
    plot.append(Role::Distilled, 500, std::nan(""));
    QCOMPARE(plot.size(Role::Distilled), size_t(500));
    QCOMPARE(plot.size(Role::Original), size_t(0));
    QTRY_VERIFY(plot.yRange().high > 5.9);
    QCOMPARE(plot.xRange().high, 1000.0);
    // What stands for the lane is the median of its last 31 tokens, here that of the sixteenth from the end.
    QCOMPARE(plot.valueText(), QStringLiteral("Transformer 5.84 ms, Distilled 0.50 ms"));
    QTest::mouseMove(&plot, plot.pixelAt(200, 2).toPoint());
    const auto words = plot.valueText().split(u' ');
    QVERIFY2(words.size() > 3 && std::abs(words[3].toDouble() - 3) < 0.05, qPrintable(plot.valueText()));
    QCOMPARE(plot.table().columns.size(), size_t(6));
    plot.clear();
    QVERIFY(plot.isEmpty());
    QVERIFY(plot.valueText().contains(QStringLiteral("Generate")));
  }

  // Tokens that the machine held up neither move the curve nor flatten it.
  void interruptionsDoNotHideTheTrend() {
    LanePlot plot(LanePlot::Quantity::MillisecondsPerToken);
    plot.resize(600, 300);
    plot.show();
    for (int t = 0; t < 400; ++t) plot.append(Role::Distilled, t, t % 5 == 4 ? 40.0 : 0.5);
    QTRY_VERIFY(plot.yRange().high < 2);  // drawn at most 30 times a second
    QCOMPARE(plot.valueText(), QStringLiteral("Distilled 0.50 ms"));
    const auto table = plot.table();
    QCOMPARE(table.columns[1][4], 40.0);  // nothing measured is lost
    QCOMPARE(table.columns[2][4], 0.5);
  }

  void frequentPointsAreDrawnSeldom() {
    LanePlot plot(LanePlot::Quantity::TokensPerSecond);
    plot.resize(400, 300);
    plot.show();
    QTest::qWait(50);
    int ranges = 0;
    connect(&plot, &Plot::xRangeChanged, &plot, [&ranges] { ++ranges; });
    QElapsedTimer clock;
    clock.start();
    int appended = 0;
    while (clock.elapsed() < 300) {
      plot.append(Role::Original, appended, 100);
      ++appended;
      QCoreApplication::processEvents();
    }
    QTest::qWait(60);
    QCOMPARE(plot.size(Role::Original), size_t(appended));
    QVERIFY2(ranges >= 1 && ranges <= 12, qPrintable(QString::number(ranges)));
  }

  void memoryIsReadInBytes() {
    LanePlot plot(LanePlot::Quantity::BytesPerSequence);
    plot.append(Role::Transformer, 4096, 64e6);
    plot.append(Role::Distilled, 4096, 48e3);
    QCOMPARE(plot.valueText(), QStringLiteral("Transformer 64.0 MB, Distilled 48.0 kB"));
    plot.setLogY(true);
    QVERIFY(plot.yRange().low < 48e3 && plot.yRange().low > 0);
    QVERIFY(!plot.image({}).isNull());
  }

  void figuresKeepTheirPlaces() {
    const QFont font = Theme::light().font(TextSize::Huge, QFont::DemiBold);
    QCOMPARE(tabularWidth(font, QStringLiteral("111.1")), tabularWidth(font, QStringLiteral("888.8")));
    QVERIFY(tabularWidth(font, QStringLiteral("1111")) > tabularWidth(font, QStringLiteral("111")));
    BigNumber number(QStringLiteral("Throughput"));
    number.setUnit(QStringLiteral("tokens/s"));
    number.setValue(111.0);
    number.resize(number.sizeHint());
    const QSize before = number.sizeHint();
    const QImage ones = number.grab().toImage();
    number.setValue(888.0);
    const QImage eights = number.grab().toImage();
    QCOMPARE(number.sizeHint(), before);
    QVERIFY(ones != eights);
    const int unitAt = qCeil(tabularWidth(font, QStringLiteral("888"))) + 2;
    const QRect unit(unitAt, 0, ones.width() - unitAt, ones.height());
    QCOMPARE(ones.copy(unit), eights.copy(unit));
  }

  void numberSaysItsRatio() {
    BigNumber number(QStringLiteral("Distilled"));
    QCOMPARE(number.text(), QStringLiteral("–"));
    number.setUnit(QStringLiteral("tokens/s"));
    number.setValue(1234.0);
    const QSize without = number.sizeHint();
    number.setRatio(11.2);
    QVERIFY(number.sizeHint().width() > without.width());
    QCOMPARE(number.accessibleDescription(), QStringLiteral("1234 tokens/s, 11.2×"));
    number.setValue(std::nullopt);
    number.setRatio(std::nullopt);
    QCOMPARE(number.accessibleDescription(), QStringLiteral("– tokens/s"));
  }

  void sparklineInATable() {
    QStandardItemModel model(2, 1);
    QList<double> fall;
    for (int i = 0; i < 32; ++i) fall.append(std::pow(10.0, -0.2 * i));
    model.setData(model.index(0, 0), QVariant::fromValue(fall), SparklineDelegate::valuesRole);
    model.setData(model.index(0, 0), 8, SparklineDelegate::keptRole);
    model.setData(model.index(1, 0), QVariant::fromValue(QList<double>{0, 0, std::nan("")}),
                  SparklineDelegate::valuesRole);
    QTableView view;
    SparklineDelegate delegate;
    view.setItemDelegate(&delegate);
    view.setModel(&model);
    view.resize(300, 150);
    view.setColumnWidth(0, 200);
    view.show();
    const QImage picture = view.viewport()->grab().toImage();
    const QRect cell = view.visualRect(model.index(0, 0));
    const QRect left(cell.topLeft(), QSize(cell.width() / 4, cell.height()));
    const QRect right(cell.left() + cell.width() / 2, cell.top(), cell.width() / 2, cell.height());
    const auto blue = [&](const QRect& within) {
      int found = 0;
      for (int y = within.top(); y <= within.bottom(); ++y) {
        for (int x = within.left(); x <= within.right(); ++x) {
          const QColor c = picture.pixelColor(x, y);
          found += c.blue() - c.red() > 90;
        }
      }
      return found;
    };
    QVERIFY(blue(left) > 20);
    QCOMPARE(blue(right), 0);
    QCOMPARE(pixelsOf(picture, Theme::light().colour(Role::Original), view.visualRect(model.index(1, 0))), 0);
  }
};

QTEST_MAIN(TestLive)
#include "test_live.moc"
