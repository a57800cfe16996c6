#include "app/jobs.h"

#include <QMetaObject>
#include <QThread>
#include <algorithm>
#include <atomic>
#include <exception>
#include <new>

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace app {

namespace {

// Work that may wait gives way to the window and to interactive jobs. Linux knows a nice value per thread (QThread's
// priorities do nothing under its default scheduler); a thread can only become nicer, so each priority has its own pool.
void yieldToOthers(Jobs::Priority priority) {
#ifdef __linux__
  const int nice = priority == Jobs::Priority::batch ? 10 : priority == Jobs::Priority::background ? 19 : 0;
  if (nice > 0) setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), nice);
#endif
}

}  // namespace

struct Jobs::Job {
  QString purpose, title;
  std::stop_source stop;
  std::atomic<double> fraction{0};
  QElapsedTimer clock;
};

Jobs::Jobs(QObject* parent) : QObject(parent) {
  // A cancelled job may need up to 100 ms to notice: its successor, and a fit beside it, must not wait for that.
  m_interactive.setMaxThreadCount(3);
  // The curve of the selected filter, its bound, and what the person asked for.
  m_batch.setMaxThreadCount(3);
  m_background.setMaxThreadCount(1);  // the survey
  for (QThreadPool* pool : {&m_interactive, &m_batch, &m_background}) pool->setExpiryTimeout(-1);
}

Jobs::~Jobs() {
  cancelAll();
  wait();
}

Jobs::Id Jobs::start(const QString& purpose, const QString& title, Priority priority, Work work, Failed failed) {
  for (auto it = m_jobs.begin(); it != m_jobs.end();) {
    if (it->second->purpose == purpose) {
      it->second->stop.request_stop();
      it = m_jobs.erase(it);
    } else {
      ++it;
    }
  }
  const Id id = m_next++;
  auto job = std::make_shared<Job>();
  job->purpose = purpose;
  job->title = title;
  job->clock.start();
  m_jobs.emplace(id, job);

  auto run = [this, id, job, priority, work = std::move(work), failed = std::move(failed)] {
    yieldToOthers(priority);
    const analysis::Task task(job->stop.get_token(),
                              [job](double fraction, std::string_view) { job->fraction = fraction; });
    // The check on arrival is what makes "newest wins" hold: a replaced job's post finds itself gone.
    const Post post = [this, id](std::function<void()> apply) {
      QMetaObject::invokeMethod(
          this,
          [this, id, apply = std::move(apply)] {
            if (m_jobs.contains(id)) apply();
          },
          Qt::QueuedConnection);
    };
    QString sentence;
    try {
      if (!task.stopped()) work(task, post);
    } catch (const analysis::Stopped&) {
    } catch (const std::bad_alloc&) {
      sentence = QStringLiteral("%1: not enough memory; close other models or choose a smaller one.").arg(job->title);
    } catch (const std::exception& error) {
      sentence = QString::fromUtf8(error.what());
    }
    QMetaObject::invokeMethod(
        this,
        [this, id, sentence, failed] {
          if (!m_jobs.contains(id)) return;
          if (!sentence.isEmpty() && failed) failed(sentence);
          finish(id);
        },
        Qt::QueuedConnection);
  };
  pool(priority).start(std::move(run));
  return id;
}

QThreadPool& Jobs::pool(Priority priority) {
  switch (priority) {
    case Priority::interactive:
      return m_interactive;
    case Priority::batch:
      return m_batch;
    default:
      return m_background;
  }
}

void Jobs::finish(Id id) {
  const auto it = m_jobs.find(id);
  if (it == m_jobs.end()) return;
  const QString purpose = it->second->purpose;
  m_jobs.erase(it);
  Q_EMIT ended(purpose);
}

void Jobs::cancel(const QString& purpose) {
  for (const auto& [id, job] : m_jobs)
    if (job->purpose == purpose) return cancel(id);
}

void Jobs::cancel(Id id) {
  const auto it = m_jobs.find(id);
  if (it == m_jobs.end()) return;
  it->second->stop.request_stop();
  finish(id);
}

void Jobs::cancelAll() {
  while (!m_jobs.empty()) cancel(m_jobs.begin()->first);
}

bool Jobs::running(const QString& purpose) const {
  return std::any_of(m_jobs.begin(), m_jobs.end(), [&](const auto& entry) { return entry.second->purpose == purpose; });
}

std::vector<Jobs::Entry> Jobs::entries(qint64 minimumMs) const {
  std::vector<Entry> out;
  for (const auto& [id, job] : m_jobs)
    if (job->clock.elapsed() >= minimumMs) out.push_back({id, job->title, job->fraction.load(), job->clock.elapsed()});
  return out;
}

void Jobs::wait() {
  m_interactive.waitForDone();
  m_batch.waitForDone();
  m_background.waitForDone();
}

}  // namespace app
