// Latency of the real window, driven by key events: selecting a filter until all four plots are painted with its fit,
// and a step of the order until fit, error and poles are painted, from the cached curve and without it.
//   bench_window [checkpoint] [selections]     prints medians and 99th percentiles in milliseconds
#include <QElapsedTimer>
#include <QEvent>
#include <QFileInfo>
#include <QTableView>
#include <QTest>
#include <QTextStream>
#include <map>

#include "app/filterpanel.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "tests/bench/app/windowbench.h"
#include "widgets/hankelplot.h"
#include "widgets/poleplot.h"
#include "widgets/signalplot.h"
#include "widgets/spectrumplot.h"

using windowbench::print;
using windowbench::until;

namespace {

// Notes when each plot was last painted.
class PaintWatch : public QObject {
 public:
  explicit PaintWatch(app::PlotDeck& deck) {
    for (QWidget* plot : {static_cast<QWidget*>(&deck.signal()), static_cast<QWidget*>(&deck.spectrum()),
                          static_cast<QWidget*>(&deck.hankel()), static_cast<QWidget*>(&deck.poles())}) {
      watch(plot, plot);
      for (QWidget* part : plot->findChildren<QWidget*>()) watch(part, plot);
    }
  }
  void reset() { m_painted.clear(); }
  bool all() const { return m_painted.size() == 4; }
  bool has(QWidget* plot) const { return m_painted.contains(plot); }

 protected:
  bool eventFilter(QObject* part, QEvent* event) override {
    if (event->type() == QEvent::Paint) m_painted[m_plotOf[part]] = true;
    return false;
  }

 private:
  void watch(QObject* part, QWidget* plot) {
    m_plotOf[part] = plot;
    part->installEventFilter(this);
  }
  std::map<QObject*, QWidget*> m_plotOf;
  std::map<QWidget*, bool> m_painted;
};

}  // namespace

int main(int argc, char** argv) {
  windowbench::Application application(argc, argv);
  const QString file =
      argc > 1 ? QString::fromLocal8Bit(argv[1]) : QStringLiteral(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
  const int selections = argc > 2 ? atoi(argv[2]) : 60;

  app::MainWindow window;
  window.resize(1480, 920);
  window.show();
  window.open(file);
  QElapsedTimer clock;
  clock.start();
  if (until([&] { return window.document().checkpoint() && window.analyst().fit(); }, clock) < 0) {
    QTextStream(stderr) << "bench_window: the model did not open: " << file << '\n';
    return 3;
  }
  QTest::qWait(1500);
  PaintWatch painted(window.plots());
  QTableView* table = window.filters().table();

  std::vector<double> selecting;
  for (int i = 0; i < selections; ++i) {
    window.jobs().cancel(QStringLiteral("survey"));
    painted.reset();
    bool fitted = false;
    const auto connection = QObject::connect(&window.analyst(), &app::Analyst::fitted, &window, [&] {
      if (window.analyst().fit()) {
        fitted = true;
        painted.reset();  // only paints that show the fit count
      }
    });
    clock.restart();
    QTest::keyClick(table, Qt::Key_Down);
    selecting.push_back(until(
        [&] {
          return fitted && painted.has(&window.plots().signal()) && painted.has(&window.plots().spectrum()) &&
                 painted.has(&window.plots().poles());
        },
        clock));
    QObject::disconnect(connection);
    QTest::qWait(30);
  }
  print("select a filter: four plots with its fit", selecting, 50);

  const auto step = [&](int key) {
    painted.reset();
    const auto before = window.analyst().fit();
    clock.restart();
    QTest::keyClick(&window.plots().hankel(), static_cast<Qt::Key>(key));
    return until([&] { return window.analyst().fit() != before && painted.all(); }, clock);
  };

  // Without the cache: a filter just selected, its curve not there yet.
  std::vector<double> uncached;
  for (int i = 0; i < selections / 2; ++i) {
    const auto before = window.analyst().current();
    clock.restart();
    QTest::keyClick(table, Qt::Key_Down);
    until(
        [&] {
          return window.analyst().current() != before && window.analyst().fit() && !window.analyst().current()->curve;
        },
        clock);
    if (!window.analyst().current() || window.analyst().current()->curve) continue;
    uncached.push_back(step(Qt::Key_Right));
  }
  print("order step, no curve yet", uncached, 50);

  // From the cache: the final curve is there.
  clock.restart();
  if (until([&] { return window.analyst().current()->curve && window.analyst().current()->curve->final; }, clock,
            120000) < 0) {
    QTextStream(stderr) << "bench_window: the curve was not finished within two minutes\n";
    return 4;
  }
  QTest::qWait(1000);
  std::vector<double> cached;
  for (const int key : {Qt::Key_Right, Qt::Key_Left, Qt::Key_Right, Qt::Key_Left, Qt::Key_Right})
    for (int i = 0; i < 40; ++i) cached.push_back(step(key));
  print("order step from the curve", cached, 16);
  QTextStream(stdout) << "file " << QFileInfo(file).fileName() << ", window " << window.width() << " x "
                      << window.height() << ", platform " << QGuiApplication::platformName() << '\n';
  return 0;
}
