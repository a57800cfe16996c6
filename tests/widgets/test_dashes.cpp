// Dashes cut by hand: as long as the pattern says, across the corners of the line, anew after every gap of the data.
#include <QTest>
#include <cmath>
#include <limits>

#include "widgets/dashes.h"

using widgets::dashes;

namespace {

double total(const QVector<QLineF>& strokes) {
  double sum = 0;
  for (const QLineF& stroke : strokes) sum += stroke.length();
  return sum;
}

}  // namespace

class TestDashes : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void aStraightLine() {
    const auto strokes = dashes({{0, 0}, {100, 0}}, {6, 4});
    QCOMPARE(strokes.size(), 10);
    for (int i = 0; i < 10; ++i) {
      QVERIFY(std::abs(strokes[i].x1() - 10 * i) < 1e-9);
      QVERIFY(std::abs(strokes[i].x2() - (10 * i + 6)) < 1e-9);
    }
  }

  void thePatternRunsThroughCorners() {
    // A zigzag of segments shorter than a dash: the drawn share of the path is that of the pattern.
    QVector<QPointF> zigzag;
    for (int i = 0; i <= 4000; ++i) zigzag.append({double(i), i % 2 ? 1.0 : -1.0});
    const double path = 4000 * std::sqrt(5.0);
    QVERIFY(std::abs(total(dashes(zigzag, {8, 4})) - path * 8 / 12) < 12);
    QVERIFY(std::abs(total(dashes(zigzag, {14, 4, 3, 4})) - path * 17 / 25) < 25);
  }

  void noPatternKeepsEverySegment() {
    const auto strokes = dashes({{0, 0}, {3, 4}, {3, 10}}, {});
    QCOMPARE(strokes.size(), 2);
    QVERIFY(std::abs(total(strokes) - 11) < 1e-12);
  }

  void gapsOfTheDataStayOpen() {
    const double none = std::numeric_limits<double>::quiet_NaN();
    const auto strokes = dashes({{0, 0}, {8, 0}, {9, none}, {20, 0}, {28, 0}}, {6, 4});
    QCOMPARE(strokes.size(), 2);
    QCOMPARE(strokes[0], QLineF(0, 0, 6, 0));
    QCOMPARE(strokes[1], QLineF(20, 0, 26, 0));  // a new dash, not the rest of the gap before
    QVERIFY(dashes({{0, 0}, {std::numeric_limits<double>::infinity(), 0}, {1, 1}}, {6, 4}).isEmpty());
  }

  void nothingToDraw() {
    QVERIFY(dashes({}, {6, 4}).isEmpty());
    QVERIFY(dashes({{1, 1}}, {6, 4}).isEmpty());
    QVERIFY(dashes({{1, 1}, {1, 1}}, {6, 4}).isEmpty());
    QVERIFY(total(dashes({{0, 0}, {10, 0}}, {0, 2})) < 0.1);  // a pattern of gaps alone ends
  }
};

QTEST_MAIN(TestDashes)
#include "test_dashes.moc"
