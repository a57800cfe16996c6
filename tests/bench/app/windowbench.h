// What the benchmarks of the window have in common: an application that needs no display, waiting, lines of results.
#pragma once

#include <QApplication>
#include <QElapsedTimer>
#include <QTextStream>
#include <algorithm>
#include <functional>
#include <vector>

#include "app/appearance.h"

namespace windowbench {

// Offscreen where there is no display, in the light scheme, with settings of its own.
class Application : public QApplication {
 public:
  Application(int& argc, char** argv) : QApplication(withDisplay(argc), argv) {
    setOrganizationName(QStringLiteral("polecat-bench"));
    app::appearance::apply(widgets::Scheme::Light);
  }

 private:
  static int& withDisplay(int& argc) {
    if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM") && qEnvironmentVariableIsEmpty("DISPLAY"))
      qputenv("QT_QPA_PLATFORM", "offscreen");
    return argc;
  }
};

inline double milliseconds(const QElapsedTimer& clock) { return static_cast<double>(clock.nsecsElapsed()) * 1e-6; }

// Lets events run until `ready`, in slices short enough not to blur the figure. Returns what `clock` shows then, in
// milliseconds, or -1 when it has passed `mostMs`.
inline double until(const std::function<bool()>& ready, const QElapsedTimer& clock, qint64 mostMs = 5000) {
  while (!ready()) {
    QCoreApplication::processEvents(QEventLoop::AllEvents, 1);
    if (clock.elapsed() > mostMs) return -1;
  }
  return milliseconds(clock);
}

// The same with a clock of its own: whether it was ready in time.
inline bool until(const std::function<bool()>& ready, qint64 mostMs) {
  QElapsedTimer clock;
  clock.start();
  return until(ready, clock, mostMs) >= 0;
}

// Of values in rising order, at least one: the one below which `share` of them lie.
inline double quantile(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

// One line: how many, median, 99th percentile and largest beside the bar. What never came (-1) is left out and counted.
inline void print(const char* what, std::vector<double> times, double bar) {
  QTextStream out(stdout);
  const std::size_t asked = times.size();
  std::erase(times, -1.0);
  if (times.empty()) {
    out << what << ": nothing measured\n";
    return;
  }
  std::sort(times.begin(), times.end());
  out << QStringLiteral("%1 n %2   median %3 ms   p99 %4 ms   largest %5 ms   bar %6 ms")
             .arg(QLatin1String(what), -44)
             .arg(times.size(), 6)
             .arg(quantile(times, 0.5), 7, 'f', 2)
             .arg(quantile(times, 0.99), 7, 'f', 2)
             .arg(times.back(), 7, 'f', 2)
             .arg(bar, 0, 'f', 0);
  if (asked != times.size()) out << "   " << asked - times.size() << " never came";
  out << '\n';
}

}  // namespace windowbench
