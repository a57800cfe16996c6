#include "app/commandline/interrupts.h"

#include <pthread.h>
#include <unistd.h>

namespace commandline {
namespace {
constexpr int wakeUp = SIGUSR2;  // ends the waiting thread
}

Interrupts::Interrupts() {
  sigemptyset(&m_signals);
  for (const int number : {SIGINT, SIGTERM, wakeUp}) sigaddset(&m_signals, number);
  pthread_sigmask(SIG_BLOCK, &m_signals, &m_before);
  m_waiting = std::thread([this] {
    for (int number = 0; sigwait(&m_signals, &number) == 0 && number != wakeUp;) {
      if (!m_source.request_stop()) _exit(128 + number);
    }
  });
}

Interrupts::~Interrupts() {
  pthread_kill(m_waiting.native_handle(), wakeUp);
  m_waiting.join();
  pthread_sigmask(SIG_SETMASK, &m_before, nullptr);
}

}  // namespace commandline
