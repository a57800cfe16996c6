#include "app/commandline/progress.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <mutex>

namespace commandline {

using Clock = std::chrono::steady_clock;

struct Progress::State {
  std::string label, unit;
  double total = 0;
  bool shown = false;  // stderr is a terminal
  bool drawn = false;
  bool ended = false;
  Clock::time_point begun = Clock::now(), lastDrawn{};
  std::mutex mutex;

  void draw(double done) {
    const std::scoped_lock lock(mutex);
    const auto now = Clock::now();
    if (ended || now - lastDrawn < std::chrono::milliseconds(100)) return;
    lastDrawn = now;
    drawn = true;
    const double elapsed = std::chrono::duration<double>(now - begun).count();
    const double rate = elapsed > 0 ? done / elapsed : 0;
    std::fprintf(stderr, "\r%s %.0f/%.0f %s", label.c_str(), done, total, unit.c_str());
    if (elapsed > 0.5 && rate > 0) {
      std::fprintf(stderr, ", %.3g %s/s, %s left", rate, unit.c_str(),
                   duration(std::max(0.0, total - done) / rate).c_str());
    }
    std::fputs("\033[K", stderr);
    std::fflush(stderr);
  }
};

Progress::Progress(std::string label, double total, std::string unit) : m_state(std::make_shared<State>()) {
  m_state->label = std::move(label);
  m_state->unit = std::move(unit);
  m_state->total = total;
  m_state->shown = isatty(STDERR_FILENO) != 0;
}

Progress::~Progress() {
  const std::scoped_lock lock(m_state->mutex);
  m_state->ended = true;
  if (m_state->drawn) {
    std::fputs("\r\033[K", stderr);
    std::fflush(stderr);
  }
}

analysis::Task Progress::task(std::stop_token token) const {
  if (!m_state->shown) return analysis::Task(std::move(token));
  return analysis::Task(std::move(token),
                        [state = m_state](double fraction, std::string_view) { state->draw(fraction * state->total); });
}

void Progress::show(double done) const {
  if (m_state->shown) m_state->draw(done);
}

std::string duration(double seconds) {
  char text[48];
  if (seconds < 10) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else if (seconds < 60) {
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  } else if (seconds < 3600) {
    std::snprintf(text, sizeof text, "%d min %d s", int(seconds) / 60, int(seconds) % 60);
  } else {
    std::snprintf(text, sizeof text, "%.0f h %.0f min", std::floor(seconds / 3600),
                  std::floor(std::fmod(seconds, 3600) / 60));
  }
  return text;
}

}  // namespace commandline
