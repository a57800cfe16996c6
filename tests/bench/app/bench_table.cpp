// The table of a large model (24 layers of 2048 filters of 8192 taps) and the stalls of the window while it works.
//   bench_table [folder for a sparse file]     prints medians and 99th percentiles in milliseconds
// In a folder that was named the file stays, for bench_window FOLDER/bench_table.safetensors.
// Scrolling, searching and sorting are timed from the event until the table has been painted. A stall is the time by
// which the event loop came later than a timer of 1 ms asked for, while a tolerance fit of a layer and a generation run.
// Between them ten thousand filters are looked at, or as many as three minutes allow: the memory must stay bounded.
#include <QDir>
#include <QElapsedTimer>
#include <QFile>
#include <QHeaderView>
#include <QLineEdit>
#include <QScrollBar>
#include <QTableView>
#include <QTest>
#include <QTextStream>
#include <QTimer>
#include <algorithm>
#include <cmath>

#include "app/filterpanel.h"
#include "app/mainwindow.h"
#include "tests/bench/app/windowbench.h"

using windowbench::print;
using windowbench::until;

namespace {

constexpr int layers = 24, channels = 2048, taps = 8192;

// A tensor per layer in a .safetensors file of float32; only the first channels of each are more than a hole in it.
bool writeBanks(const QString& path) {
  QFile file(path);
  if (!file.open(QIODevice::WriteOnly)) return false;
  constexpr qint64 bankBytes = static_cast<qint64>(channels) * taps * 4;
  QByteArray header = "{";
  for (int layer = 0; layer < layers; ++layer)
    header += QStringLiteral("%1\"layers.%2.filter\":{\"dtype\":\"F32\",\"shape\":[%3,%4],\"data_offsets\":[%5,%6]}")
                  .arg(layer ? QStringLiteral(",") : QString())
                  .arg(layer)
                  .arg(channels)
                  .arg(taps)
                  .arg(layer * bankBytes)
                  .arg((layer + 1) * bankBytes)
                  .toUtf8();
  header += '}';
  while (header.size() % 8 != 0) header += ' ';
  const auto length = static_cast<quint64>(header.size());
  file.write(reinterpret_cast<const char*>(&length), 8);
  file.write(header);
  const qint64 start = file.pos();
  std::vector<float> row(taps);
  for (int layer = 0; layer < layers; ++layer) {
    for (int channel = 0; channel < 32; ++channel) {
      for (int t = 0; t < taps; ++t)
        row[static_cast<std::size_t>(t)] = std::exp(-0.003F * static_cast<float>(t * (1 + channel % 7))) *
                                           std::cos(0.01F * static_cast<float>(t * (1 + channel + layer)));
      file.seek(start + layer * bankBytes + static_cast<qint64>(channel) * taps * 4);
      file.write(reinterpret_cast<const char*>(row.data()), taps * 4);
    }
  }
  return file.resize(start + layers * bankBytes);
}

class PaintWatch : public QObject {
 public:
  explicit PaintWatch(QWidget* widget) { widget->installEventFilter(this); }
  bool painted = false;

 protected:
  bool eventFilter(QObject*, QEvent* event) override {
    if (event->type() == QEvent::Paint) painted = true;
    return false;
  }
};

double residentMegabytes() {
  QFile status(QStringLiteral("/proc/self/statm"));
  return status.open(QIODevice::ReadOnly) ? status.readAll().split(' ').value(1).toDouble() * 4096 / 1e6 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  windowbench::Application application(argc, argv);
  const QString path = (argc > 1 ? QString::fromLocal8Bit(argv[1]) : QDir::tempPath()) + QStringLiteral("/bench_table.safetensors");
  if (!writeBanks(path)) {
    QTextStream(stderr) << "bench_table: cannot write " << path << '\n';
    return 6;
  }

  {
    app::MainWindow window;
    window.resize(1480, 920);
    window.show();
    QElapsedTimer clock;
    clock.start();
    window.open(path);
    if (!until([&] { return window.document().filterCount() == layers * channels; }, 30000)) {
      QTextStream(stderr) << "bench_table: the bank did not open\n";
      return 3;
    }
    QTextStream(stdout) << "49,152 filters listed after " << clock.elapsed() << " ms\n";
    QTest::qWait(1000);
    window.jobs().cancel(QStringLiteral("survey"));
    QTableView* table = window.filters().table();
    PaintWatch watch(table->viewport());
    const auto timed = [&](const std::function<void()>& action) {
      watch.painted = false;
      clock.restart();
      action();
      until([&] { return watch.painted; }, 5000);
      const double milliseconds = windowbench::milliseconds(clock);
      QTest::qWait(20);
      return milliseconds;
    };
    std::vector<double> scrolling, searching, sorting;
    for (int i = 1; i <= 100; ++i)
      scrolling.push_back(timed([&] { table->verticalScrollBar()->setValue((i * 7919) % (table->verticalScrollBar()->maximum() + 1)); }));
    print("scroll to another place", scrolling, 50);
    for (int i = 0; i < 24; ++i)
      searching.push_back(timed([&] { window.filters().searchLine()->setText(QStringLiteral("layer:%1").arg(i)); }));
    for (const char* text : {"channel>2000", "1", "energy>0", ""})
      searching.push_back(timed([&] { window.filters().searchLine()->setText(QLatin1String(text)); }));
    print("search", searching, 50);
    for (int i = 0; i < 18; ++i)
      sorting.push_back(timed([&] {
        table->sortByColumn(i % app::FilterTable::columns, i % 2 ? Qt::AscendingOrder : Qt::DescendingOrder);
      }));
    print("sort", sorting, 50);
    // Ten thousand filters of 8192 taps looked at one after the other, each until its plots have something to draw.
    const double before = residentMegabytes();
    double half = 0;
    int looked = 0;
    clock.restart();
    for (int i = 0; i < 10000 && clock.elapsed() < 180000; ++i, ++looked) {
      const int row = (i / 32) % layers * channels + i % 32 + 32 * (i / (32 * layers));
      window.document().select(row);
      until([&] { return window.analyst().cached(row) != nullptr; }, 5000);
      if (i == 5000) half = residentMegabytes();
    }
    QTextStream(stdout) << QStringLiteral("%1 filters looked at in %2 s: %3 MB resident before, %4 MB after 5,000, %5 MB "
                                          "at the end, %6 of %7 MB kept\n")
                               .arg(looked).arg(clock.elapsed() / 1000).arg(before, 0, 'f', 0).arg(half, 0, 'f', 0)
                               .arg(residentMegabytes(), 0, 'f', 0).arg(window.analyst().cachedBytes() >> 20)
                               .arg(window.analyst().cacheBytes() >> 20);
  }
  if (argc < 2) QFile::remove(path);

  app::MainWindow window;
  window.resize(1480, 920);
  window.show();
  window.open(QStringLiteral(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt"));
  until([&] { return window.document().checkpoint() && window.analyst().fit(); }, 20000);
  app::GenerationSettings settings;
  settings.prompt = QStringLiteral("It was a dark");
  settings.tokens = 4000;
  window.generation().start(settings);
  until([&] { return !window.generation().lanes().empty(); }, 60000);
  window.planner().fitToTolerance(window.document().bankRows(0), 0.05);
  std::vector<double> stalls;
  QElapsedTimer beat;
  QTimer heart;
  heart.setTimerType(Qt::PreciseTimer);
  heart.setInterval(1);
  QObject::connect(&heart, &QTimer::timeout, [&] {
    stalls.push_back(std::max(0.0, windowbench::milliseconds(beat) - 1));
    beat.restart();
  });
  beat.start();
  heart.start();
  QTest::qWait(15000);
  heart.stop();
  print("stall of the window during fit and generation", stalls, 16);
  window.generation().cancel();
  QTextStream(stdout) << "platform " << QGuiApplication::platformName() << '\n';
  return 0;
}
