// What a frame costs: replots of long signals and the movement of the order line, on the CPU raster of one thread.
// Medians over repeated frames at 900 x 500 pixels, offscreen; the bar is 16 ms.
#include <QApplication>
#include <QElapsedTimer>
#include <QImage>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <vector>

#include "widgets/hankelplot.h"
#include "widgets/signalplot.h"
#include "widgets/spectrumplot.h"

using namespace widgets;

namespace {

std::vector<double> noisyDecay(size_t length) {
  std::vector<double> h(length);
  unsigned state = 1;
  for (size_t t = 0; t < length; ++t) {
    state = state * 1664525u + 1013904223u;
    const double noise = static_cast<double>(state >> 8) / (1 << 24) - 0.5;
    h[t] = std::exp(-3.0 * static_cast<double>(t) / static_cast<double>(length)) *
           (std::cos(0.01 * static_cast<double>(t)) + noise);
  }
  return h;
}

void row(const char* name, const std::function<void(int)>& frame) {
  std::vector<double> times;
  for (int i = 0; i < 41; ++i) {
    QElapsedTimer clock;
    clock.start();
    frame(i);
    QCoreApplication::processEvents();
    times.push_back(static_cast<double>(clock.nsecsElapsed()) * 1e-6);
  }
  times.erase(times.begin());
  std::sort(times.begin(), times.end());
  std::printf("%-58s %8.2f %8.2f %8.2fx\n", name, times[times.size() / 2], times[times.size() * 9 / 10],
              16.0 / times[times.size() / 2]);
}

}  // namespace

int main(int argc, char** argv) {
  qputenv("QT_QPA_PLATFORM", "offscreen");
  QApplication application(argc, argv);
  applyTheme(application, Theme::light());
  std::printf("%-58s %8s %8s %9s\n", "frame", "ms", "p90", "of 16 ms");

  for (const size_t length : {1024u, 8192u, 65536u, 1000000u}) {
    SignalPlot plot;
    plot.resize(900, 500);
    plot.show();
    const std::vector<double> h = noisyDecay(length);
    std::vector<double> fit = h;
    for (double& value : fit) value *= 0.97;
    plot.setOriginal(h);
    plot.setFit(fit);
    const auto n = static_cast<double>(length);
    char name[80];
    std::snprintf(name, sizeof name, "signal, %zu samples: zoom, replot of h, fit, residual", length);
    row(name, [&](int i) { plot.setXRange({0, n * (1 - 0.002 * (i + 1))}); });
    plot.fit();
    std::snprintf(name, sizeof name, "signal, %zu samples: new fit", length);
    row(name, [&](int) { plot.setFit(fit); });
    std::snprintf(name, sizeof name, "signal, %zu samples: cursor", length);
    row(name, [&](int i) { plot.moveCursor({200.0 + i, 150}); });
  }

  SpectrumPlot spectrum;
  spectrum.resize(900, 500);
  spectrum.show();
  spectrum.setOriginal({noisyDecay(524289), {}, {}});
  spectrum.setFit({noisyDecay(524289), {}, {}});
  row("spectrum, 524289 bins: zoom, replot", [&](int i) { spectrum.setXRange({0, 3.0 - 0.01 * i}); });

  HankelPlot hankel;
  hankel.resize(900, 500);
  hankel.show();
  std::vector<double> values(1024);
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::exp(-0.03 * static_cast<double>(i));
  hankel.setSingularValues(values);
  hankel.setErrors(values);
  hankel.setOrderRange(0, 1024);
  QCoreApplication::processEvents();
  row("Hankel, 1024 values: order line moves", [&](int i) { hankel.setOrder(100 + i); });
  row("Hankel, 1024 values: new error curve", [&](int) { hankel.setErrors(values); });
  return 0;
}
