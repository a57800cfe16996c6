// One long filter in the real window: opening it, the stalls of the window while its curve is computed, and order steps.
//   bench_long [taps] [seconds]     1,048,576 taps of MIX; at most 90 seconds for the curve
// A stall is the time by which a pass of the event loop took longer than a millisecond.
#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QTest>
#include <QTextStream>
#include <algorithm>
#include <fstream>

#include "analysis/tensors/npywriter.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "tests/analysis/testfilters.h"
#include "tests/bench/app/windowbench.h"
#include "widgets/hankelplot.h"

namespace {

// Longest and 99th percentile of what single passes of the event loop took too long.
class Stalls {
 public:
  void pass() {
    m_beat.restart();
    QCoreApplication::processEvents(QEventLoop::AllEvents, 1);
    m_milliseconds.push_back(std::max(0.0, windowbench::milliseconds(m_beat) - 1));
  }
  void print(const char* what) {
    std::sort(m_milliseconds.begin(), m_milliseconds.end());
    if (!m_milliseconds.empty())
      QTextStream(stdout) << what << ": passes " << m_milliseconds.size() << ", stall p99 "
                          << windowbench::quantile(m_milliseconds, 0.99) << " ms, longest " << m_milliseconds.back() << " ms\n";
    m_milliseconds.clear();
  }

 private:
  QElapsedTimer m_beat;
  std::vector<double> m_milliseconds;
};

}  // namespace

int main(int argc, char** argv) {
  windowbench::Application application(argc, argv);
  const int taps = argc > 1 ? atoi(argv[1]) : 1 << 20, seconds = argc > 2 ? atoi(argv[2]) : 90;
  QTemporaryDir folder;
  const QString file = folder.filePath(QStringLiteral("long.npy"));
  {
    const auto h = testfilters::make("MIX", taps);
    std::ofstream out(file.toStdString(), std::ios::binary);
    analysis::writeNpyHeader(out, analysis::DataType::f64, {1, taps});
    out.write(reinterpret_cast<const char*>(h.data()), static_cast<std::streamsize>(h.size() * sizeof(double)));
  }
  QTextStream print(stdout);
  app::MainWindow window;
  window.resize(1480, 920);
  window.show();
  QTest::qWait(500);
  Stalls stalls;
  QElapsedTimer clock;
  clock.start();
  window.open(file);
  const auto shown = [&] { return window.analyst().current() && window.analyst().current()->filter; };
  while (!shown() && clock.elapsed() < 60000) stalls.pass();
  print << taps << " taps: filter shown after " << clock.elapsed() << " ms\n";
  while (!window.analyst().fit() && clock.elapsed() < 60000) stalls.pass();
  print << "first fit after " << clock.elapsed() << " ms, order " << (window.analyst().fit() ? window.analyst().fit()->order : -1)
        << '\n';
  print.flush();
  stalls.print("opening until the first fit");
  const auto curve = [&] { return window.analyst().current() ? window.analyst().current()->curve : nullptr; };
  while (!curve() && clock.elapsed() < 1000 * seconds) stalls.pass();
  if (curve()) print << "first curve after " << clock.elapsed() << " ms\n";
  while (!(curve() && curve()->final) && clock.elapsed() < 1000 * seconds) stalls.pass();
  print << (curve() && curve()->final ? "final curve after " : "curve not final after ") << clock.elapsed() << " ms\n";
  print.flush();
  stalls.print("while the curve is computed");
  if (!curve()) return 0;
  std::vector<double> steps;
  for (int i = 0; i < 20; ++i) {
    const auto before = window.analyst().fit();
    clock.restart();
    QTest::keyClick(&window.plots().hankel(), i % 2 ? Qt::Key_Left : Qt::Key_Right);
    while (window.analyst().fit() == before && clock.elapsed() < 5000) stalls.pass();
    steps.push_back(windowbench::milliseconds(clock));
    QTest::qWait(100);
  }
  std::sort(steps.begin(), steps.end());
  print << "order step from the curve until its fit is there: median " << windowbench::quantile(steps, 0.5) << " ms, longest " << steps.back() << " ms\n";
  print.flush();
  stalls.print("stepping");
  return 0;
}
