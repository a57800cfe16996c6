// Ctrl-C as a stop token.
#pragma once

#include <signal.h>

#include <stop_token>
#include <thread>

namespace commandline {

// While it lives, SIGINT and SIGTERM request a stop instead of killing the process; the second one kills. Make it
// before any other thread: they inherit the blocked signals. A waiting thread takes the signals, because requesting a
// stop inside a signal handler is not safe.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  std::stop_token token() const { return m_source.get_token(); }

 private:
  sigset_t m_signals{}, m_before{};
  std::stop_source m_source;
  std::thread m_waiting;
};

}  // namespace commandline
