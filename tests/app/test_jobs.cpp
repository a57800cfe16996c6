// Jobs: results and errors come back on the owner's thread, newest request wins, cancel answers at once.
#include <QSignalSpy>
#include <QTest>
#include <atomic>
#include <thread>

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "analysis/error.h"
#include "app/jobs.h"

using namespace std::chrono_literals;
using app::Jobs;

class TestJobs : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void postsOnTheOwnersThread() {
    Jobs jobs;
    QThread* posted = nullptr;
    QThread* worked = nullptr;
    jobs.start("a", "A", Jobs::Priority::interactive, [&](const analysis::Task&, const Jobs::Post& post) {
      worked = QThread::currentThread();
      post([&] { posted = QThread::currentThread(); });
    });
    QTRY_VERIFY(posted);
    QCOMPARE(posted, QThread::currentThread());
    QVERIFY(worked != posted);
    QTRY_VERIFY(!jobs.running("a"));
  }

  void newestRequestWins() {
    Jobs jobs;
    QSignalSpy ended(&jobs, &Jobs::ended);
    std::atomic<bool> olderStopped{false}, started{false};
    std::vector<int> seen;
    jobs.start("fit", "Old", Jobs::Priority::interactive, [&](const analysis::Task& task, const Jobs::Post& post) {
      started = true;
      while (!task.stopped()) std::this_thread::sleep_for(1ms);
      olderStopped = true;
      post([&] { seen.push_back(1); });  // too late: must never arrive
    });
    QTRY_VERIFY(started);
    jobs.start("fit", "New", Jobs::Priority::interactive,
               [&](const analysis::Task&, const Jobs::Post& post) { post([&] { seen.push_back(2); }); });
    QTRY_COMPARE(seen, std::vector<int>{2});
    QTRY_VERIFY(olderStopped);
    jobs.wait();
    QCoreApplication::processEvents();
    QCOMPARE(seen, std::vector<int>{2});
    QCOMPARE(ended.size(), 1);
  }

  void errorsBecomeOneSentence() {
    Jobs jobs;
    QString sentence;
    jobs.start(
        "open", "Opening", Jobs::Priority::interactive,
        [](const analysis::Task&, const Jobs::Post&) {
          throw analysis::Error(analysis::ErrorKind::input, "x.ckpt", "the file is empty", "choose a checkpoint");
        },
        [&](const QString& text) { sentence = text; });
    QTRY_COMPARE(sentence, QStringLiteral("x.ckpt: the file is empty; choose a checkpoint."));
    QTRY_VERIFY(!jobs.running("open"));
  }

  void cancelIsSilentAndImmediate() {
    Jobs jobs;
    bool failed = false;
    std::atomic<bool> started{false}, stopped{false};
    const Jobs::Id id = jobs.start(
        "batch", "Batch", Jobs::Priority::batch,
        [&](const analysis::Task& task, const Jobs::Post&) {
          started = true;
          for (;;) {
            stopped = task.stopped();
            if (stopped) throw analysis::Stopped{};
            std::this_thread::sleep_for(1ms);
          }
        },
        [&](const QString&) { failed = true; });
    QVERIFY(jobs.running("batch"));
    QTRY_VERIFY(started);
    jobs.cancel(id);
    QVERIFY(!jobs.running("batch"));
    jobs.wait();
    QVERIFY(stopped);
    QCoreApplication::processEvents();
    QVERIFY(!failed);
  }

  void entriesTellProgressOfOldJobsOnly() {
    Jobs jobs;
    std::atomic<bool> go{false};
    jobs.start("survey", "Surveying", Jobs::Priority::batch, [&](const analysis::Task& task, const Jobs::Post&) {
      task.report(0.25);
      while (!go && !task.stopped()) std::this_thread::sleep_for(1ms);
    });
    QTRY_COMPARE(jobs.entries(0).size(), 1u);
    QVERIFY(jobs.entries(100000).empty());
    QTRY_COMPARE(jobs.entries(0).front().fraction, 0.25);
    QCOMPARE(jobs.entries(0).front().title, QStringLiteral("Surveying"));
    go = true;
    QTRY_VERIFY(jobs.entries(0).empty());
  }

  // The survey of all filters must not take half of a processor from the curve that a person looks at.
  void prioritiesAreThoseOfTheSystem() {
#ifdef __linux__
    Jobs jobs;
    std::atomic<int> nice[3] = {-100, -100, -100};
    const auto look = [&](const char* purpose, Jobs::Priority priority, std::atomic<int>& seen) {
      jobs.start(purpose, purpose, priority, [&seen](const analysis::Task&, const Jobs::Post&) {
        seen = getpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)));
      });
    };
    look("fit", Jobs::Priority::interactive, nice[0]);
    look("curve", Jobs::Priority::batch, nice[1]);
    look("survey", Jobs::Priority::background, nice[2]);
    jobs.wait();
    QCOMPARE(nice[0].load(), getpriority(PRIO_PROCESS, 0));
    // The system's scale ends at 19: a program that was started there has no room below.
    if (nice[0] >= 10) QSKIP("this program runs at the lowest priority itself");
    QVERIFY(nice[0] < nice[1]);
    QVERIFY(nice[1] < nice[2]);
#else
    QSKIP("threads have no priorities of their own here");
#endif
  }

  void destructionStopsRunningJobs() {
    std::atomic<bool> left{false};
    {
      Jobs jobs;
      jobs.start("x", "X", Jobs::Priority::interactive, [&](const analysis::Task& task, const Jobs::Post&) {
        while (!task.stopped()) std::this_thread::sleep_for(1ms);
        left = true;
      });
      QTest::qWait(20);
    }
    QVERIFY(left);
  }
};

QTEST_GUILESS_MAIN(TestJobs)
#include "test_jobs.moc"
