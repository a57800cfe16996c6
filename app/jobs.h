// Work that must not block the window. A job is a pure function on another thread: immutable values in, a value out,
// a Task for stop and progress. Results, partial results and errors come back on the thread that owns Jobs.
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QString>
#include <QThreadPool>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <vector>

#include "analysis/task.h"

namespace app {

class Jobs : public QObject {
  Q_OBJECT

 public:
  using Id = quint64;

  // What a running job looks like to a person.
  struct Entry {
    Id id = 0;
    QString title;
    double fraction = 0;
    qint64 elapsedMs = 0;
  };

  // Posts a function to the owner's thread; dropped when the job has been cancelled or replaced meanwhile.
  using Post = std::function<void(std::function<void()>)>;
  using Work = std::function<void(const analysis::Task&, const Post&)>;
  using Failed = std::function<void(const QString& sentence)>;

  // Answers that a person waits for now; what may wait; what nobody asked for, which any other work goes before.
  enum class Priority { interactive, batch, background };

  explicit Jobs(QObject* parent = nullptr);
  // Cancels everything and waits for it.
  ~Jobs() override;

  // Starts `work`; an unfinished job of the same purpose is cancelled first (newest wins) and will post nothing more.
  // `failed` receives one sentence when work throws anything but analysis::Stopped. Owner's thread only.
  Id start(const QString& purpose, const QString& title, Priority, Work work, Failed failed = {});
  // Returns at once; the job posts nothing more.
  void cancel(const QString& purpose);
  void cancel(Id);
  void cancelAll();

  bool running(const QString& purpose) const;
  // Jobs older than `minimumMs`, oldest first: what deserves a progress bar.
  std::vector<Entry> entries(qint64 minimumMs = 100) const;
  // Waits until nothing runs; processes no events. For tests and closing.
  void wait();

 Q_SIGNALS:
  // A job of this purpose is over, whether finished, failed or cancelled. Never for one that was replaced.
  void ended(const QString& purpose);

 private:
  struct Job;
  void finish(Id);

  QThreadPool& pool(Priority);

  QThreadPool m_interactive, m_batch, m_background;
  std::map<Id, std::shared_ptr<Job>> m_jobs;
  Id m_next = 1;
};

}  // namespace app
