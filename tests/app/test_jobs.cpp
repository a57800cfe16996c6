// Jobs: results and errors come back on the owner's thread, newest request wins, cancel answers at once.
#include <QSignalSpy>
#include <QTest>
#include <atomic>
#include <thread>

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
