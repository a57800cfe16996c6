#include <QAbstractItemModelTester>
#include <QtTest>
#include <cmath>

#include "widgets/datatable.h"
#include "widgets/format.h"

using namespace widgets;

class TestFormat : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void numbers_data() {
    QTest::addColumn<double>("value");
    QTest::addColumn<QString>("text");
    QTest::newRow("zero") << 0.0 << "0";
    QTest::newRow("whole") << 1024.0 << "1024";
    QTest::newRow("negative") << -0.5 << "−0.5000";
    QTest::newRow("four digits") << 3.14159265 << "3.142";
    QTest::newRow("small") << 1.23456e-7 << "1.235 × 10⁻⁷";
    QTest::newRow("large") << 2e12 << "2.000 × 10¹²";
    QTest::newRow("nothing") << std::nan("") << "–";
    QTest::newRow("infinite") << -double(INFINITY) << "−∞";
  }

  void numbers() {
    QFETCH(double, value);
    QFETCH(QString, text);
    QCOMPARE(number(value), text);
  }

  void quantities() {
    QCOMPARE(count(1234567), QStringLiteral("1\u202f234\u202f567"));
    QCOMPARE(count(-999), QStringLiteral("−999"));
    QCOMPARE(bytes(512), QStringLiteral("512 B"));
    QCOMPARE(bytes(1536), QStringLiteral("1.5 kB"));
    QCOMPARE(bytes(999960), QStringLiteral("1.0 MB"));
    QCOMPARE(bytes(123456789), QStringLiteral("123 MB"));
    QCOMPARE(ratio(11.23), QStringLiteral("11.2×"));
    QCOMPARE(ratio(0.8251), QStringLiteral("0.825×"));
    QCOMPARE(powerOfTen(-12), QStringLiteral("10⁻¹²"));
  }

  void csvKeepsEveryDigitAndNoFalseZero() {
    DataTable table;
    table.add(QStringLiteral("lag (tokens)"), {0, 1, 2});
    table.add(QStringLiteral("a, \"b\""), {0.1, std::nan("")});
    QCOMPARE(table.rows(), 3);
    QCOMPARE(table.csv(), QStringLiteral("lag (tokens),\"a, \"\"b\"\"\"\n0,0.10000000000000001\n1,\n2,\n"));
  }

  void tableModel() {
    DataTable table;
    table.add(QStringLiteral("x"), {1, 2, 3});
    table.add(QStringLiteral("y"), {1e-9});
    DataTableModel model(table);
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QCOMPARE(model.rowCount(), 3);
    QCOMPARE(model.index(0, 1).data().toString(), QStringLiteral("1.000 × 10⁻⁹"));
    QVERIFY(!model.index(2, 1).data().isValid());
    QCOMPARE(model.headerData(1, Qt::Horizontal).toString(), QStringLiteral("y"));
  }
};

QTEST_GUILESS_MAIN(TestFormat)
#include "test_format.moc"
