// The search line of the filter table, term by term.
#include <QTest>
#include <limits>

#include "app/filtersearch.h"

using app::FilterSearch;
using app::SearchKey;

class TestFilterSearch : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void matches_data() {
    QTest::addColumn<QString>("expression");
    QTest::addColumn<bool>("matches");
    // The row under test: filter 3.17, err 0.02, order 16, ratio unknown.
    QTest::newRow("empty") << "" << true;
    QTest::newRow("layer") << "layer:3" << true;
    QTest::newRow("other layer") << "layer:4" << false;
    QTest::newRow("name") << "3.1" << true;
    QTest::newRow("not in the name") << "5.1" << false;
    QTest::newRow("greater") << "err>1e-2" << true;
    QTest::newRow("not greater") << "err>0.02" << false;
    QTest::newRow("at least") << "err>=0.02" << true;
    QTest::newRow("percent") << "err<3%" << true;
    QTest::newRow("both") << "layer:3 err>1e-2" << true;
    QTest::newRow("one fails") << "layer:3 err>1e-1" << false;
    QTest::newRow("unknown number fails above") << "ratio>0" << false;
    QTest::newRow("unknown number fails below") << "ratio<100" << false;
    QTest::newRow("case") << "LAYER:3" << true;
    QTest::newRow("equal order") << "order=16" << true;
  }
  void matches() {
    QFETCH(QString, expression);
    QFETCH(bool, matches);
    QString problem = "left over";
    const FilterSearch search = FilterSearch::parse(expression, &problem);
    QCOMPARE(problem, QString());
    const auto value = [](SearchKey key) {
      switch (key) {
        case SearchKey::layer:
          return 3.0;
        case SearchKey::error:
          return 0.02;
        case SearchKey::order:
          return 16.0;
        default:
          return std::numeric_limits<double>::quiet_NaN();
      }
    };
    QCOMPARE(search.matches("3.17", value), matches);
  }

  void problemsAreSentences_data() {
    QTest::addColumn<QString>("expression");
    QTest::newRow("unknown quantity") << "loss>3";
    QTest::newRow("no number") << "err>abc";
  }
  void problemsAreSentences() {
    QFETCH(QString, expression);
    QString problem;
    const FilterSearch search = FilterSearch::parse(expression, &problem);
    QVERIFY(problem.endsWith('.'));
    QVERIFY(search.empty());
  }
};

QTEST_GUILESS_MAIN(TestFilterSearch)
#include "test_filtersearch.moc"
