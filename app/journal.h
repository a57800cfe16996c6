// What survives a crash: while a model is open, the session is written beside the user's settings whenever it has
// changed, at most `intervalMs` later. A journal whose program is gone without having closed it is offered again.
#pragma once

#include <QDateTime>
#include <QLockFile>
#include <QObject>
#include <QThreadPool>
#include <QTimer>
#include <functional>
#include <memory>
#include <optional>

#include "app/sessionstate.h"

namespace app {

// A session that can be taken up again.
struct Leftover {
  QString path;
  QDateTime written;
  bool crashed = false;  // else: closed as usual
};

class Journal : public QObject {
  Q_OBJECT

 public:
  static constexpr int intervalMs = 2000;

  // `collect` tells the present state (no checkpoint: nothing is written). Written on a thread of its own.
  explicit Journal(std::function<SessionState()> collect, QObject* parent = nullptr);
  ~Journal() override;

  // The newest journal of a program that did not end well, else the session at the last close. O(files).
  std::optional<Leftover> leftover() const;
  // Forgets it: it is not wanted.
  void discard(const Leftover&);
  // It cannot be read here, perhaps by a newer program: kept under another name, which is returned, and not offered again.
  QString setAside(const Leftover&);
  // It has been taken up: forgotten as soon as the own journal is on the disk.
  void replace(const Leftover&);

  // Writes now if something changed; does not wait.
  void write();
  // The program ends as it should: waits until the state is written, and keeps it for leftover() of the next start.
  void close();
  // Where the files lie.
  static QString folder();

 Q_SIGNALS:
  // The disk is full or read-only: one sentence, told once until writing works again.
  void failed(const QString& sentence);

 private:
  std::function<SessionState()> m_collect;
  QString m_path, m_replaced;
  std::unique_ptr<QLockFile> m_lock;
  QTimer m_timer;
  QThreadPool m_writer;
  SessionState m_written;
  bool m_hasFile = false, m_failing = false;
};

}  // namespace app
