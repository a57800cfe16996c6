// The open document on the bundled sample: opening, rows, orders, undo, failures that leave it untouched.
#include <QAbstractItemModelTester>
#include <QFile>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <cmath>

#include "analysis/reduction/reducer.h"
#include "app/document.h"
#include "app/filtertable.h"
#include "app/jobs.h"
#include "app/survey.h"

using namespace app;

class TestDocument : public QObject {
  Q_OBJECT

  const QString m_sample = QStringLiteral(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");

  static bool open(Document& document, const QString& path) {
    QSignalSpy opened(&document, &Document::opened), failed(&document, &Document::openFailed);
    document.open(path);
    return QTest::qWaitFor([&] { return !opened.isEmpty() || !failed.isEmpty(); }, 20000) && !opened.isEmpty();
  }

 private Q_SLOTS:
  void opensTheSample() {
    Jobs jobs;
    Document document(jobs);
    QVERIFY(open(document, m_sample));
    QCOMPARE(document.filterCount(), 512);
    QCOMPARE(document.selectedRow(), 0);
    QCOMPARE(document.filterName(0), QStringLiteral("0.0"));
    QCOMPARE(document.filterName(3 * 128 + 5), QStringLiteral("3.5"));
    for (const int row : {0, 127, 128, 511}) QCOMPARE(document.row(document.filterId(row)), row);
    QCOMPARE(document.bankRows(200).front(), 128);
    QCOMPARE(document.bankRows(200).size(), 128u);
    QCOMPARE(document.totalStates(), 512LL * Document::defaultOrder);
  }

  void undoesOrders() {
    Jobs jobs;
    Document document(jobs);
    QVERIFY(open(document, m_sample));
    QSignalSpy changed(&document, &Document::ordersChanged);
    document.setOrder({5}, 8);
    QCOMPARE(document.order(5), 8);
    QCOMPARE(document.undoStack().undoText(), QStringLiteral("order 16 to 8, filter 0.5"));
    document.setOrder(document.bankRows(130), 4);
    QCOMPARE(document.undoStack().undoText(), QStringLiteral("order 4, 128 filters"));
    QCOMPARE(document.totalStates(), 511LL * 16 + 8 - 128 * 12);
    document.setOrder({130}, 4);  // nothing to change: no step
    QCOMPARE(document.undoStack().count(), 2);
    document.undoStack().undo();
    QCOMPARE(document.order(130), 16);
    QCOMPARE(document.order(5), 8);
    document.undoStack().undo();
    QCOMPARE(document.totalStates(), 512LL * 16);
    document.undoStack().redo();
    QCOMPARE(document.order(5), 8);
    QCOMPARE(changed.size(), 5);
  }

  void quickStepsOnOneFilterAreOneUndo() {
    Jobs jobs;
    Document document(jobs);
    QVERIFY(open(document, m_sample));
    for (int order = 17; order <= 20; ++order) document.setOrder({3}, order);
    QCOMPARE(document.undoStack().count(), 1);
    QCOMPARE(document.undoStack().undoText(), QStringLiteral("order 16 to 20, filter 0.3"));
    document.setOrder({4}, 20);  // another filter: a step of its own
    QCOMPARE(document.undoStack().count(), 2);
    document.undoStack().undo();
    document.undoStack().undo();
    QCOMPARE(document.order(3), 16);
  }

  void aBadFileLeavesTheOpenModel_data() {
    QTest::addColumn<QByteArray>("content");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("wrong magic") << QByteArray(4096, 'x');
    QFile sample(m_sample);
    QVERIFY(sample.open(QIODevice::ReadOnly));
    QTest::newRow("truncated") << sample.read(100000);
  }
  void aBadFileLeavesTheOpenModel() {
    QFETCH(QByteArray, content);
    Jobs jobs;
    Document document(jobs);
    QVERIFY(open(document, m_sample));
    document.setOrder({1}, 6);
    document.select(9);
    QTemporaryDir folder;
    QFile bad(folder.filePath("bad.ckpt"));
    QVERIFY(bad.open(QIODevice::WriteOnly));
    bad.write(content);
    bad.close();
    const auto before = document.checkpoint();
    QSignalSpy failed(&document, &Document::openFailed);
    document.open(bad.fileName());
    QTRY_COMPARE(failed.size(), 1);
    const QString sentence = failed.front().at(1).toString();
    QVERIFY2(sentence.contains("bad.ckpt") && sentence.endsWith('.') && !sentence.contains('\n'), qPrintable(sentence));
    QCOMPARE(document.checkpoint(), before);
    QCOMPARE(document.order(1), 6);
    QCOMPARE(document.selectedRow(), 9);
  }

  void theTableIsAProperModel() {
    Jobs jobs;
    Document document(jobs);
    Survey survey(document, jobs);
    FilterTable table(document, survey);
    FilterTableView view(table);
    QAbstractItemModelTester tester(&table, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QAbstractItemModelTester viewTester(&view, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QVERIFY(open(document, m_sample));
    QCOMPARE(table.rowCount(), 512);
    QCOMPARE(view.setSearch("layer:2"), QString());
    QCOMPARE(view.rowCount(), 128);
    QCOMPARE(view.index(0, FilterTable::name).data().toString(), QStringLiteral("2.0"));
    QVERIFY(!view.setSearch("nonsense>1").isEmpty());
    QCOMPARE(view.rowCount(), 512);

    // The survey fills rows in sight first.
    survey.setVisibleRows({300, 301});
    QTRY_VERIFY_WITH_TIMEOUT(survey.summary(300).fitted && survey.summary(301).fitted, 120000);
    QVERIFY(survey.pendingCount() > 400);
    const QModelIndex error = table.index(300, FilterTable::error);
    QVERIFY2(error.data().toString().endsWith('%'), qPrintable(error.data().toString()));
    QVERIFY(table.value(300, SearchKey::ratio) >= 1);
    QVERIFY(table.value(300, SearchKey::radius) < 1);
    QVERIFY(table.value(300, SearchKey::effectiveLength) > 0);

    // The suggested order is that of the first curve, whatever the chosen one; a smaller tolerance asks for more.
    const analysis::Reducer reducer(document.checkpoint()->filter(document.filterId(300)));
    const int wanted = reducer.spectralCurve()->orderWithin(0.1);
    QVERIFY(wanted > 0);
    QCOMPARE(table.value(300, SearchKey::suggested), static_cast<double>(wanted));
    QCOMPARE(table.index(300, FilterTable::suggested).data().toString(), QString::number(wanted));
    table.setTolerance(0.02);
    QVERIFY(table.value(300, SearchKey::suggested) > wanted);
    table.setTolerance(1e-12);
    QCOMPARE(table.index(300, FilterTable::suggested).data().toString(), QStringLiteral("> 64"));
    QCOMPARE(table.index(510, FilterTable::suggested).data().toString(), QStringLiteral("…"));
    table.setTolerance(0.1);

    // A new order makes the number stale until it is surveyed again.
    const double before = table.value(300, SearchKey::error);
    QVERIFY(table.setData(table.index(300, FilterTable::order), 4));
    QVERIFY(std::isnan(table.value(300, SearchKey::error)));
    QCOMPARE(table.value(300, SearchKey::suggested), static_cast<double>(wanted));
    QTRY_VERIFY_WITH_TIMEOUT(table.value(300, SearchKey::error) > before, 120000);
    document.undoStack().undo();
    QTRY_COMPARE_WITH_TIMEOUT(table.value(300, SearchKey::error), before, 120000);

    QVERIFY(!table.setData(table.index(300, FilterTable::order), 65));
    QVERIFY(!table.setData(table.index(300, FilterTable::name), 3));

    // Held, the survey leaves the processor alone; afterwards it goes on.
    survey.setHeld(true);
    QVERIFY(!jobs.running(QStringLiteral("survey")));
    const int pending = survey.pendingCount();
    QTest::qWait(300);
    QCOMPARE(survey.pendingCount(), pending);
    survey.setHeld(false);
    QTRY_VERIFY_WITH_TIMEOUT(survey.pendingCount() < pending, 120000);

    // Sorting by error: unknown rows come last, known ones ascend.
    view.setSearch({});
    view.sort(FilterTable::error, Qt::AscendingOrder);
    double last = -1;
    for (int row = 0; row < view.rowCount(); ++row) {
      const double value = view.index(row, FilterTable::error).data(FilterTable::sortRole).toDouble();
      if (std::isnan(value)) break;
      QVERIFY(value >= last);
      last = value;
    }
    QVERIFY(last > 0);
    jobs.cancelAll();
  }
};

QTEST_GUILESS_MAIN(TestDocument)
#include "test_document.moc"
