// The outside world of a long computation: a way to be stopped and a way to report progress.
// Passed by reference into pure functions; safe to use from several threads at once.
#pragma once

#include <functional>
#include <stop_token>
#include <string_view>
#include <utility>

namespace analysis {

// Thrown by Task::throwIfStopped. Not an Error: nothing failed, somebody changed their mind.
struct Stopped {};

class Task {
 public:
  using Progress = std::function<void(double fraction, std::string_view what)>;

  // Never stops, reports to nobody.
  Task() = default;
  // `progress` may be called from any thread; fraction runs from 0 to 1 and never falls.
  explicit Task(std::stop_token token, Progress progress = {})
      : m_token(std::move(token)), m_progress(std::move(progress)) {}

  bool stopped() const { return m_token.stop_requested(); }
  void throwIfStopped() const {
    if (stopped()) throw Stopped{};
  }
  void report(double fraction, std::string_view what = {}) const {
    if (m_progress) m_progress(fraction, what);
  }
  const std::stop_token& stopToken() const { return m_token; }

 private:
  std::stop_token m_token;
  Progress m_progress;
};

}  // namespace analysis
