#include "analysis/tensors/isolated.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : m_number(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  int number() const { return m_number; }
  void close() {
    if (m_number >= 0) ::close(std::exchange(m_number, -1));
  }

 private:
  int m_number;
};

// Relative to what the process has: the address sanitizer alone has terabytes.
void limitMemory(std::uint64_t moreBytes) {
  unsigned long long total, resident, shared, text, library, data;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return;
  const int found =
      std::fscanf(file, "%llu %llu %llu %llu %llu %llu", &total, &resident, &shared, &text, &library, &data);
  std::fclose(file);
  if (found != 6) return;
  rlimit limit{};
  getrlimit(RLIMIT_DATA, &limit);
  const std::uint64_t most = data * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) + moreBytes;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, most);
  setrlimit(RLIMIT_DATA, &limit);
}

// From now on the copy may compute for so long before SIGPROF ends it.
void limitWork(std::chrono::milliseconds work) {
  const itimerval limit{{0, 0}, {work.count() / 1000, work.count() % 1000 * 1000}};
  setitimer(ITIMER_PROF, &limit, nullptr);
}

[[noreturn]] void runCopy(int pipe, const Isolation& limits, const std::function<bool(const Outlet&)>& work) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPIPE, SIGINT, SIGTERM, SIGPROF})
    std::signal(signal, SIG_DFL);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  limitMemory(limits.memoryBytes);
  limitWork(limits.longestWork);
  bool done = false;
  try {
    done = work([&](std::span<const std::byte> bytes) {
      while (!bytes.empty()) {
        const ssize_t written = ::write(pipe, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) _exit(2);
        if (written > 0) bytes = bytes.subspan(static_cast<std::size_t>(written));
      }
      limitWork(limits.longestWork);
    });
  } catch (...) {  // told by the exit code
  }
  _exit(done ? 0 : 1);
}

// False: silent for too long.
bool forward(int pipe, const std::function<void(std::span<const std::byte>)>& take) {
  std::vector<std::byte> piece(1 << 16);
  for (;;) {
    constexpr int longestSilenceMs = 60'000;
    pollfd waiting{pipe, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, longestSilenceMs);
    if (ready == 0) return false;
    if (ready < 0 && errno != EINTR) return false;
    if (ready < 0) continue;
    const ssize_t count = ::read(pipe, piece.data(), piece.size());
    if (count == 0) return true;
    if (count > 0) take(std::span(piece).first(static_cast<std::size_t>(count)));
    if (count < 0 && errno != EINTR) return false;
  }
}

}  // namespace

bool isolated(const Isolation& limits, const std::function<bool(const Outlet&)>& work,
              const std::function<void(std::span<const std::byte>)>& take) {
  const std::string& subject = limits.subject;
  int ends[2];
  const auto noProcess = [&] {
    refuse(subject, std::string("cannot be read in a process of its own (") + std::strerror(errno) + ")",
           "close other programs and try again");
  };
  if (::pipe2(ends, O_CLOEXEC) != 0) noProcess();
  Descriptor from(ends[0]), into(ends[1]);
  const pid_t copy = ::fork();
  if (copy < 0) noProcess();
  if (copy == 0) {
    from.close();
    runCopy(into.number(), limits, work);
  }
  into.close();
  int status = 0;
  const auto collect = [&](bool kill) {
    if (kill) ::kill(copy, SIGKILL);
    while (::waitpid(copy, &status, 0) < 0 && errno == EINTR) {
    }
  };
  bool ended = false;
  try {
    ended = forward(from.number(), take);
  } catch (...) {
    collect(true);
    throw;
  }
  collect(!ended);
  if (!ended || (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF)) {
    refuse(subject, "cannot be read: that does not come to an end", damagedAdvice);
  }
  if (WIFSIGNALED(status)) {
    refuse(subject, std::string("cannot be read: that ended with the signal '") + ::strsignal(WTERMSIG(status)) + "'",
           damagedAdvice);
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace analysis
