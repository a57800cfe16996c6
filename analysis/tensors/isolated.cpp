#include "analysis/tensors/isolated.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
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
#include <exception>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/tensors/blob.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
extern "C" void __asan_set_error_report_callback(void (*)(const char*));
#endif

// There where lines are counted; _exit() writes no counts. NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" __attribute__((weak)) int __llvm_profile_write_file();

namespace analysis {
namespace {

// How a copy ends that ends by itself. Any other code is that of a sanitizer which found something.
enum Ending : int { done = 0, failed = 3, unread = 4, libraryFault = 5, defect = 6 };

// One sentence that the copy leaves behind, in memory shared with it.
class LastWords {
 public:
  LastWords() : m_text(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {}
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;
  ~LastWords() {
    if (m_text != MAP_FAILED) ::munmap(m_text, size);
  }
  void leave(const char* words) {
    if (m_text != MAP_FAILED) std::snprintf(static_cast<char*>(m_text), size, "%s", words);
  }
  std::string text() const {
    const auto* words = static_cast<const char*>(m_text);
    return m_text == MAP_FAILED ? std::string() : std::string(words, ::strnlen(words, size));
  }

 private:
  static constexpr std::size_t size = 4096;
  void* m_text;
};

// In the copy: what its handlers need, which take no arguments.
LastWords* lastWords = nullptr;
const Isolation* isolation = nullptr;

[[noreturn]] void endAsDefect(const char* words) {
  lastWords->leave(words);
  _exit(Ending::defect);
}

#if defined(__SANITIZE_ADDRESS__)
// A report names the stack of the fault first. The place of the fault is its first frame that is neither the sanitizer's
// nor the C library's.
bool liesInLibrary(std::string_view report, std::string_view library) {
  static constexpr std::string_view beneath[] = {"libsanitizer", "libasan", "compiler-rt", "__asan_", "__interceptor_",
                                                 "/libc.so",     "/libc-",  "libc_start",  "sysdeps/"};
  constexpr std::string_view indent = "    #";
  std::size_t at = report.find("    #0 ");
  while (at < report.size() && report.substr(at, indent.size()) == indent) {
    const std::size_t end = std::min(report.find('\n', at), report.size());
    const std::string_view frame = report.substr(at, end - at);
    const bool skipped = std::any_of(std::begin(beneath), std::end(beneath),
                                     [&](std::string_view part) { return frame.find(part) != frame.npos; });
    if (!skipped) return !library.empty() && frame.find(library) != frame.npos;
    at = end + 1;
  }
  return false;
}

void judge(const char* report) {
  if (std::strstr(report, "out-of-memory") != nullptr) _exit(Ending::failed);
  if (liesInLibrary(report, isolation->library)) _exit(Ending::libraryFault);
  endAsDefect("a sanitizer reported an error, see above");
}
#endif

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
  isolation = &limits;
  for (const int signal : {SIGABRT, SIGPIPE, SIGINT, SIGTERM, SIGPROF}) std::signal(signal, SIG_DFL);
#if defined(__SANITIZE_ADDRESS__)
  __asan_set_error_report_callback(judge);  // of faults too: the sanitizer handles their signals
#else
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, SIG_DFL);
#endif
  std::set_terminate([] { endAsDefect("std::terminate was called"); });
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  limitMemory(limits.memoryBytes);
  limitWork(limits.longestWork);
  bool succeeded = false;
  try {
    succeeded = work([&](std::span<const std::byte> bytes) {
      while (!bytes.empty()) {
        const ssize_t written = ::write(pipe, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) _exit(Ending::unread);
        if (written > 0) bytes = bytes.subspan(static_cast<std::size_t>(written));
      }
      limitWork(limits.longestWork);
    });
  } catch (const Error&) {  // the file's fault, as is a want of memory
  } catch (const std::bad_alloc&) {
  } catch (const std::exception& error) {
    endAsDefect(error.what());
  } catch (...) {
    endAsDefect("an exception of unknown type was thrown");
  }
  if (__llvm_profile_write_file) __llvm_profile_write_file();
  _exit(succeeded ? Ending::done : Ending::failed);
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
  LastWords words;
  const pid_t copy = ::fork();
  if (copy < 0) noProcess();
  if (copy == 0) {
    from.close();
    lastWords = &words;
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
  const int ending = WEXITSTATUS(status);
  if (ending == Ending::libraryFault) refuse(subject, "cannot be read: the library that reads it failed", damagedAdvice);
  if (ending == Ending::done || ending == Ending::failed || ending == Ending::unread) return ending == Ending::done;
  const std::string said = words.text();
  throw std::logic_error(subject + ": reading it met a defect of this program (" +
                         (said.empty() ? "the copy ended with code " + std::to_string(ending) : said) + ")");
}

}  // namespace analysis
