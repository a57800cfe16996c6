// Work in a copy of the process: what it writes arrives; what becomes of it stays there.
#include <QtTest>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <new>
#include <stdexcept>
#include <thread>
#include <sys/wait.h>
#include <unistd.h>

#include "analysis/error.h"
#include "analysis/tensors/isolated.h"

using namespace analysis;

class TestIsolated : public QObject {
  Q_OBJECT

  static Isolation limits(std::uint64_t memoryBytes = 64 << 20) { return {"the file", memoryBytes, std::chrono::milliseconds(300), ""}; }
  static std::string sentenceOf(const std::function<bool(const Outlet&)>& work) {
    try {
      (void)isolated(limits(), work, [](auto) {});
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  }

  struct Defect {
    const char *title, *says;
    std::function<bool(const Outlet&)> work;
  };
  static std::vector<Defect> defects() {
    const auto outside = [](const Outlet&) { return std::vector<int>{1, 2}.at(std::size_t(::getpid())) == 0; };
    const auto thrownOn = [outside](const Outlet&) {
      [outside]() noexcept { (void)outside(Outlet()); }();
      return true;
    };
    std::vector<Defect> all{
        {"an index", "vector", outside},
        {"an unknown exception", "unknown type", [](const Outlet&) -> bool { throw 1; }},
        {"an exception where none may be", "terminate", thrownOn},
        // As sanitizers end: with 1, or what their options or libFuzzer say.
        {"code 1", "code 1", [](const Outlet&) -> bool { _exit(1); }},
        {"code 77", "code 77", [](const Outlet&) -> bool { _exit(77); }}};
#if defined(__SANITIZE_ADDRESS__)
    all.push_back({"a read past the end", "sanitizer", [](const Outlet&) {
                     const std::vector<char> few(10, 'x');
                     const volatile char* first = few.data();
                     return first[10 + ::getpid() % 3] == 'x';
                   }});
    all.push_back({"a fault", "sanitizer", [](const Outlet&) {
                     const volatile int* nowhere = nullptr;
                     return nowhere[::getpid() % 7] == 0;
                   }});
#endif
    return all;
  }

 private Q_SLOTS:
  void hasWhatWasWritten() {
    std::vector<int> numbers(1'000'000);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = int(i * 2654435761U);
    std::vector<std::byte> got;
    const bool done = isolated(
        limits(),
        [&](const Outlet& write) {
          const auto bytes = std::as_bytes(std::span(numbers));
          write(bytes.first(10));
          write(bytes.subspan(10));
          numbers.clear();  // of the copy
          return true;
        },
        [&](std::span<const std::byte> piece) { got.insert(got.end(), piece.begin(), piece.end()); });
    QVERIFY(done);
    QCOMPARE(got.size(), 4 * numbers.size());
    QVERIFY(std::memcmp(got.data(), numbers.data(), got.size()) == 0);
  }
  void failuresAreTold() {
    QVERIFY(!isolated(limits(), [](const Outlet&) { return false; }, [](auto) {}));
    const auto refused = [](const Outlet&) -> bool { throw Error(ErrorKind::input, "x", "is bad", "mend it"); };
    QVERIFY(!isolated(limits(), refused, [](auto) {}));
    QVERIFY(!isolated(limits(), [](const Outlet&) -> bool { throw std::bad_alloc(); }, [](auto) {}));
  }

  // What only a mistake in our own code makes happen is no fault of the file, and never told as one.
  void defectsAreNoBadFiles_data() {
    QTest::addColumn<int>("index");
    QTest::addColumn<QString>("says");
    int index = 0;
    for (const Defect& each : defects()) QTest::newRow(each.title) << index++ << QString(each.says);
  }
  void defectsAreNoBadFiles() {
    QFETCH(int, index);
    QFETCH(QString, says);
    try {
      const bool done = isolated(limits(), defects()[std::size_t(index)].work, [](auto) {});
      QFAIL(done ? "it went well" : "it is told as a failure");
    } catch (const std::logic_error& defect) {
      const QString sentence = defect.what();
      QVERIFY2(sentence.startsWith("the file: ") && sentence.contains("defect of this program"), defect.what());
      QVERIFY2(sentence.contains(says), defect.what());
    } catch (const Error& error) {
      QFAIL(error.what());
    }
  }
  void crashesAndHangsAreOneSentence() {
    const std::string crash = sentenceOf([](const Outlet&) -> bool {
      ::raise(SIGABRT);
      return true;
    });
    QVERIFY2(crash.starts_with("the file: cannot be read") && crash.find("Aborted") != std::string::npos, crash.c_str());
#if !defined(__SANITIZE_ADDRESS__)
    const std::string fault = sentenceOf([](const Outlet&) -> bool { return ::raise(SIGSEGV) == 0; });
    QVERIFY2(fault.find("Segmentation") != std::string::npos, fault.c_str());
#endif
    QElapsedTimer timer;
    timer.start();
    const std::string hang = sentenceOf([](const Outlet&) -> bool {
      for (volatile int endless = 1; endless;) {
      }
      return true;
    });
    QVERIFY2(hang.find("does not come to an end") != std::string::npos, hang.c_str());
    QVERIFY(timer.elapsed() >= 300);
  }
  void memoryIsBounded() {
    const auto take = [](std::size_t bytes) {
      return isolated(limits(),
                      [=](const Outlet&) {
                        std::vector<char> block(bytes, 1);
                        return block[bytes / 2] == 1;
                      },
                      [](auto) {});
    };
    QVERIFY(take(16 << 20));
#if !defined(__SANITIZE_ADDRESS__)
    QVERIFY(!take(256 << 20));
#endif
  }
  // What the taker throws comes out, and no copy is left behind.
  void theTakerMayRefuse() {
    QVERIFY_THROWS_EXCEPTION(Error, isolated(
                                 limits(),
                                 [](const Outlet& write) {
                                   const std::byte one{1};
                                   for (;;) write({&one, 1});
                                   return true;
                                 },
                                 [](auto) { throw Error(ErrorKind::input, "x", "is too long", "cut it"); }));
    QCOMPARE(::waitpid(-1, nullptr, WNOHANG), pid_t(-1));
    QCOMPARE(errno, ECHILD);
  }
  void threadsDoNotDisturbEachOther() {
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (int k = 0; k < 4; ++k)
      threads.emplace_back([&right, k] {
        for (int round = 0; round < 20; ++round) {
          std::string got;
          const std::string said(std::size_t(1000 * (k + 1)), char('a' + k));
          const bool done = isolated(limits(), [&](const Outlet& write) { return write(std::as_bytes(std::span(said))), true; },
                                     [&](auto piece) { got.append(reinterpret_cast<const char*>(piece.data()), piece.size()); });
          right += done && got == said;
        }
      });
    for (std::thread& each : threads) each.join();
    QCOMPARE(right.load(), 80);
  }
};

QTEST_GUILESS_MAIN(TestIsolated)
#include "test_isolated.moc"
