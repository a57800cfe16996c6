// The speed page: on which device the lanes run, and their throughput over the batch.
#include <QAction>
#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QSpinBox>
#include <QTabWidget>
#include <QTest>
#include <nlohmann/json.hpp>

#include "app/banner.h"
#include "app/batchsweep.h"
#include "app/generation.h"
#include "app/generationcontrols.h"
#include "app/generationpanel.h"
#include "app/mainwindow.h"
#include "app/runrecord.h"
#include "engine/device.h"
#include "engine/presets.h"
#include "tests/app/shownwindow.h"
#include "widgets/laneplot.h"

using namespace app;

class TestSpeed : public QObject {
  Q_OBJECT

  std::unique_ptr<MainWindow> m_window;

  template <class Widget>
  Widget* child(const char* name) {
    return m_window->findChild<Widget*>(QLatin1String(name));
  }
  GenerationRun& run() { return m_window->generation(); }
  bool ended() {
    return QTest::qWaitFor([&] { return !run().active(); }, shownwindow::kPatience);
  }
  void chooseDevice(const QString& id) {
    SavedGeneration saved = m_window->findChild<GenerationControls*>()->saved();
    saved.device = id;
    m_window->findChild<GenerationControls*>()->restore(saved);
  }
  static bool hasGpu() {
    for (const engine::DeviceInfo& info : engine::devices())
      if (info.id != "cpu" && info.usable) return true;
    return false;
  }

 private Q_SLOTS:
  void initTestCase() {
    shownwindow::prepare("test_speed");
    m_window = shownwindow::show({1400, 900});
    QVERIFY(m_window);
    QVERIFY(shownwindow::openSample(*m_window));
    m_window->document().setOrder(m_window->document().allRows(), 4);
    QTest::keyClick(m_window.get(), Qt::Key_3);
    child<QSpinBox>("tokens")->setValue(24);
  }
  void cleanup() { chooseDevice({}); }
  void cleanupTestCase() { m_window.reset(); }

  void devicesAreListed() {
    auto* box = child<QComboBox>("device");
    QTRY_VERIFY_WITH_TIMEOUT(box->findData(QStringLiteral("cpu")) > 0, shownwindow::kPatience);
    const auto devices = engine::devices();
    QCOMPARE(box->count(), static_cast<int>(devices.size()) + 1);
    QCOMPARE(box->currentData().toString(), QString());
    for (std::size_t i = 0; i < devices.size(); ++i) {
      const QModelIndex index = box->model()->index(static_cast<int>(i) + 1, 0);
      QCOMPARE(bool(index.flags() & Qt::ItemIsEnabled), devices[i].usable);
      if (!devices[i].usable)
        QCOMPARE(index.data(Qt::ToolTipRole).toString(), QString::fromStdString(devices[i].remark));
    }
    QCOMPARE(child<QLabel>("deviceRemark")->isVisible(), !hasGpu());
    if (!hasGpu()) QCOMPARE(child<QLabel>("deviceRemark")->text(), QString("No GPU: the CPU runs"));
  }

  void everyNumberNamesItsDevice() {
    QTest::mouseClick(child<QPushButton>("generateStart"), Qt::LeftButton);
    QVERIFY(ended());
    QCOMPARE(run().device().gpu(), hasGpu());
    const QString provenance = child<QLabel>("generationProvenance")->text();
    QString name = QString::fromStdString(run().device().info.name);
    for (const char* mark : {"(R)", "(TM)", "(r)", "(tm)"}) name.remove(QLatin1String(mark));
    QVERIFY2(provenance.startsWith(name.simplified()),
             qPrintable(provenance));
    QVERIFY2(provenance.contains(hasGpu() ? "bfloat16" : "float32"), qPrintable(provenance));
    chooseDevice(QStringLiteral("cpu"));
    QVERIFY(!child<QLabel>("deviceRemark")->isVisible());  // it was asked for
    QTest::mouseClick(child<QPushButton>("generateStart"), Qt::LeftButton);
    QVERIFY(ended());
    QVERIFY(!run().device().gpu());
    QVERIFY(child<QLabel>("generationProvenance")->text().contains("float32"));
    for (const Lane& lane : run().lanes()) QVERIFY2(lane.phase == Lane::Phase::finished, qPrintable(lane.error));
  }

  // The next run predicts with the device that is open already.
  void theDeviceStaysOpen() {
    GenerationSettings settings;
    settings.prompt = QStringLiteral("It was");
    settings.tokens = 4;
    const auto run = [&] {
      m_window->generation().start(settings);
      return QTest::qWaitFor(
          [&] { return !m_window->generation().active() && !m_window->generation().lanes().empty(); },
          shownwindow::kPatience);
    };
    QVERIFY(run());
    const auto first = m_window->generation().device().device;
    QVERIFY(first);
    QVERIFY(run());
    QCOMPARE(m_window->generation().device().device, first);
  }

  void aDeviceThatIsNotHereIsASentence() {
    chooseDevice(QStringLiteral("cuda:99"));
    QCOMPARE(child<QComboBox>("device")->currentText(), QString("cuda:99"));
    QTest::mouseClick(child<QPushButton>("generateStart"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->banner().sentence().startsWith("device cuda:99"), shownwindow::kPatience);
    QVERIFY(!run().active());
    QVERIFY(child<QPushButton>("generateStart")->isEnabled());
  }

  void batchesAreSwept() {
    QAction* sweep = shownwindow::action(*m_window, "generate.sweep");
    QVERIFY(sweep);
    sweep->trigger();
    QVERIFY(run().active());
    QVERIFY(!child<QPushButton>("generateStart")->isEnabled());
    // Sanitized code may lose its patience after a batch or two; elsewhere there is much left to cancel.
    QTRY_VERIFY_WITH_TIMEOUT(run().lanes().size() == 2 && (run().lanes()[1].sweep.size() >= 3 ||
                                                           (!run().active() && !run().lanes()[1].sweep.empty())),
                             shownwindow::kPatience);
    QTest::mouseClick(child<QPushButton>("generateCancel"), Qt::LeftButton);
    QVERIFY(!run().active());
    for (const Lane& lane : run().lanes()) {  // what was measured stays
      int expected = 1;
      for (const SweepPoint& point : lane.sweep) {
        QCOMPARE(point.batch, expected);
        QVERIFY(point.tokensPerSecond > 0);
        expected *= 2;
      }
    }
    const auto* limits = child<QTabWidget>("limits");
    const auto* plot = qobject_cast<widgets::LanePlot*>(limits->currentWidget());
    QVERIFY(plot && plot->isVisible() && plot->logX() && plot->logY());
    QCOMPARE(plot->size(widgets::Role::Distilled), run().lanes()[1].sweep.size());
    QVERIFY(child<QLabel>("generationProvenance")->text().contains("batch 1, 2, 4"));
    QVERIFY(run().speedUp() > 0);
    const auto json = nlohmann::json::parse(runJson(run()));
    QCOMPARE(json["lanes"][1]["batchSweep"].size(), run().lanes()[1].sweep.size());
    QCOMPARE(json["lanes"][1]["batchSweep"][0]["batch"].get<int>(), 1);
    // A run afterwards shows its text again.
    QTest::mouseClick(child<QPushButton>("generateStart"), Qt::LeftButton);
    QVERIFY(ended());
    QVERIFY(run().lanes()[0].sweep.empty());
    QCOMPARE(run().lanes()[0].tokens.size(), 24u);
    QVERIFY(limits->currentIndex() == 0);
    const auto plots = m_window->findChild<GenerationPanel*>()->plots();
    for (const int which : {0, 1})  // of this run alone
      QCOMPARE(qobject_cast<widgets::LanePlot*>(plots[static_cast<std::size_t>(which)].second)
                   ->size(widgets::Role::Original),
               24u);
  }

  // The sweep itself: doubling, ended by the largest batch asked for; stopped at once.
  void sweepsEndWhereTheyShould() {
    const engine::RandomModel model = engine::randomModel("125m", 4, 3, 64);
    SweepRequest request;
    request.lanes = {{model.distilled, engine::Mixer::modal}, {model.distilled, engine::Mixer::convolutionLazy}};
    request.promptTokens = 2;
    request.newTokens = 2;
    request.mostBatch = 2;
    request.patienceSeconds = 1000;
    std::vector<std::pair<int, int>> points;
    sweepBatches(
        request, {}, [&](int lane, SweepPoint point) { points.emplace_back(lane, point.batch); },
        [](int, const QString& why) { QFAIL(qPrintable(why)); });
    QCOMPARE(points, (std::vector<std::pair<int, int>>{{0, 1}, {1, 1}, {0, 2}, {1, 2}}));
    request.patienceSeconds = 0;
    points.clear();
    sweepBatches(request, {}, [&](int lane, SweepPoint point) { points.emplace_back(lane, point.batch); }, {});
    QCOMPARE(points, (std::vector<std::pair<int, int>>{{0, 1}, {1, 1}}));
    std::stop_source stopped;
    stopped.request_stop();
    QVERIFY_THROWS_EXCEPTION(analysis::Stopped, sweepBatches(request, analysis::Task(stopped.get_token()), {}, {}));
  }
};

QTEST_MAIN(TestSpeed)
#include "test_speed.moc"
