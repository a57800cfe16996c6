// The cache of computed filters: bounded, shared by threads, untroubled by a stopped computation.
#include <QtTest>
#include <atomic>
#include <thread>

#include "analysis/checkpoint/bankcache.h"

using namespace analysis;

namespace {

// Tap n of channel c is 1000 c + n; counts how often it was asked.
class CountingSource final : public FilterSource {
 public:
  explicit CountingSource(int lengthSamples) : length(lengthSamples) {}
  void evaluate(int first, std::span<double> taps, std::span<double> skips, const Task& task) const override {
    ++evaluations;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    task.throwIfStopped();
    for (std::size_t c = 0; c < skips.size(); ++c) {
      skips[c] = first + double(c);
      for (std::size_t n = 0; n < std::size_t(length); ++n)
        taps[c * std::size_t(length) + n] = 1000 * skips[c] + double(n);
    }
  }
  int length;
  mutable std::atomic<int> evaluations = 0;
};

Bank bank(int channels, int length) {
  return {"b", 0, 0, 1, channels, length, false};
}

}  // namespace

class TestBankCache : public QObject {
  Q_OBJECT
 private slots:
  void computesOncePerBank();
  void dropsTheLeastRecentlyUsed();
  void splitsLargeBanks();
  void survivesAStop();
};

void TestBankCache::computesOncePerBank() {
  BankCache cache(1 << 20);
  const CountingSource source(10);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const auto filter = cache.filter({0, t}, bank(8, 10), source, {});
      wrong +=
          filter->taps.size() != 10 || filter->taps[3] != 1000 * t + 3 || filter->skip != t || filter->id.channel != t;
    });
  }
  for (std::thread& thread : threads) thread.join();
  QCOMPARE(wrong.load(), 0);
  QCOMPARE(source.evaluations.load(), 1);
}

void TestBankCache::dropsTheLeastRecentlyUsed() {
  BankCache cache(2 * 4 * 100 * sizeof(double));  // two banks of 4 x 100
  const CountingSource source(100);
  const auto kept = cache.filter({0, 1}, bank(4, 100), source, {});
  (void)cache.filter({1, 0}, bank(4, 100), source, {});
  QCOMPARE(cache.filter({0, 1}, bank(4, 100), source, {}).get(), kept.get());
  (void)cache.filter({2, 0}, bank(4, 100), source, {});  // drops bank 1
  QCOMPARE(source.evaluations.load(), 3);
  QCOMPARE(cache.filter({0, 1}, bank(4, 100), source, {}).get(), kept.get());
  QCOMPARE(source.evaluations.load(), 3);
  (void)cache.filter({1, 0}, bank(4, 100), source, {});  // drops bank 2
  (void)cache.filter({2, 0}, bank(4, 100), source, {});  // drops bank 0
  QCOMPARE(source.evaluations.load(), 5);
  QVERIFY(cache.filter({0, 1}, bank(4, 100), source, {}).get() != kept.get());
  QCOMPARE(kept->taps[7], 1007.);
}

void TestBankCache::splitsLargeBanks() {
  BankCache cache(std::size_t(1) << 30);
  const CountingSource source(3 << 20);  // 24 MB each: two to a chunk of 64 MB
  QCOMPARE(cache.filter({0, 4}, bank(5, 3 << 20), source, {})->taps[5], 4005.);
  QCOMPARE(cache.filter({0, 2}, bank(5, 3 << 20), source, {})->taps[5], 2005.);
  QCOMPARE(cache.filter({0, 3}, bank(5, 3 << 20), source, {})->taps[5], 3005.);
  QCOMPARE(source.evaluations.load(), 2);
}

void TestBankCache::survivesAStop() {
  BankCache cache(1 << 20);
  const CountingSource source(10);
  std::stop_source stop;
  std::thread stopped([&] {
    try {
      (void)cache.filter({0, 0}, bank(2, 10), source, Task(stop.get_token()));
    } catch (const Stopped&) {
    }
  });
  stop.request_stop();
  QCOMPARE(cache.filter({0, 1}, bank(2, 10), source, {})->taps[2], 1002.);
  stopped.join();
  QCOMPARE(cache.filter({0, 0}, bank(2, 10), source, {})->taps[2], 2.);
}

QTEST_GUILESS_MAIN(TestBankCache)
#include "test_bankcache.moc"
