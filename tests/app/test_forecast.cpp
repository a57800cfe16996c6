// The speed-up that the status bar foretells, against the sizes of models that were really fitted.
#include <QTest>
#include <cmath>

#include "analysis/reduction/distilled.h"
#include "app/forecast.h"
#include "engine/footprint.h"
#include "engine/model.h"

using namespace app;

class TestForecast : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void foretellsWhatTheEngineCounts_data() {
    QTest::addColumn<QString>("path");
    QTest::addColumn<int>("least");
    QTest::addColumn<int>("most");
    QTest::newRow("Hyena, one order") << QStringLiteral(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt") << 8 << 8;
    QTest::newRow("Hyena, a plan") << QStringLiteral(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt") << 2 << 16;
    QTest::newRow("MultiHyena") << QStringLiteral(POLECAT_TEST_DATA "/novels-multihyena-1m.ckpt") << 4 << 4;
  }
  void foretellsWhatTheEngineCounts() {
    QFETCH(QString, path);
    QFETCH(int, least);
    QFETCH(int, most);
    const auto checkpoint = analysis::Checkpoint::open(path.toStdString());
    analysis::DistilRequest request;
    int filters = 0;
    for (const analysis::Bank& bank : checkpoint->banks()) filters += bank.channels;
    for (int i = 0; i < filters; ++i) request.orders.push_back(least + 2 * (i * 7 % ((most - least) / 2 + 1)));
    const auto model = engine::Model::load(checkpoint)->withDistilled(analysis::distil(*checkpoint, request));
    const auto planned = plannedShape(*checkpoint, request.orders);
    QVERIFY(planned.has_value());
    constexpr int position = 4096;
    engine::Workload lazy, modal;
    lazy.capacityTokens = modal.capacityTokens = 2 * position;
    modal.mode.mixer = engine::Mixer::modal;
    const engine::Footprint real = engine::footprint(model->shape(), modal, 1);
    const engine::Footprint told = engine::footprint(*planned, modal, 1);
    // How many real poles the fits will have is not known before they are made.
    const auto near = [](double a, double b, double share) { return std::abs(a - b) <= share * b; };
    QVERIFY2(near(double(told.weightBytes), double(real.weightBytes), 0.01),
             qPrintable(QStringLiteral("%1 %2").arg(told.weightBytes).arg(real.weightBytes)));
    QVERIFY2(near(told.movedBytesPerToken, real.movedBytesPerToken, 0.2),
             qPrintable(QStringLiteral("%1 %2").arg(told.movedBytesPerToken).arg(real.movedBytesPerToken)));
    engine::Shape original = engine::Model::load(checkpoint)->shape();
    const engine::Footprint before = engine::footprint(original, lazy, 1);
    const double ratio = (double(before.weightBytes) + before.movedBytesPerToken) /
                         (double(real.weightBytes) + real.movedBytesPerToken);
    const auto foretold = forecastSpeedUp(*checkpoint, request.orders, position);
    QVERIFY(foretold && ratio > 1);
    QVERIFY2(near(*foretold, ratio, 0.05), qPrintable(QStringLiteral("%1 %2").arg(*foretold).arg(ratio)));
  }

  void anUnevenPlanTakesTheRoomOfItsGroups() {
    const auto checkpoint = analysis::Checkpoint::open(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
    std::vector<int> orders(512, 2);
    orders[5] = 32;  // one filter of the first layer: its group of 16 grows
    const auto planned = plannedShape(*checkpoint, orders);
    QVERIFY(planned.has_value());
    QCOMPARE(planned->blocks[0].stateFloats, 16LL * 34 + 112 * 4);
    QCOMPARE(planned->blocks[1].stateFloats, 128LL * 4);
    QCOMPARE(planned->blocks[0].states, 127 * 2 + 32);
  }

  void filtersAloneForetellNothing() {
    const auto checkpoint = analysis::Checkpoint::open(POLECAT_TEST_DATA "/bank.h5");
    QVERIFY(!forecastSpeedUp(*checkpoint, std::vector<int>(10000, 4), 4096).has_value());
  }
};

QTEST_GUILESS_MAIN(TestForecast)
#include "test_forecast.moc"
