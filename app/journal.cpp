#include "app/journal.h"

#include <QDir>
#include <QFileInfo>
#include <QStandardPaths>
#include <QUuid>
#include <algorithm>

#include "app/sessionfile.h"

namespace app {

namespace {

const QString lastName = QStringLiteral("last.json");

// True when no living program holds the journal.
bool isAbandoned(const QString& path) {
  QLockFile lock(path + QStringLiteral(".lock"));
  lock.setStaleLockTime(0);
  return lock.tryLock(0);
}

}  // namespace

QString Journal::folder() {
  return QStandardPaths::writableLocation(QStandardPaths::AppLocalDataLocation) + QStringLiteral("/journal");
}

Journal::Journal(std::function<SessionState()> collect, QObject* parent)
    : QObject(parent), m_collect(std::move(collect)) {
  QDir().mkpath(folder());
  m_path = folder() + QLatin1Char('/') + QUuid::createUuid().toString(QUuid::WithoutBraces) + QStringLiteral(".json");
  m_lock = std::make_unique<QLockFile>(m_path + QStringLiteral(".lock"));
  m_lock->setStaleLockTime(0);
  m_lock->tryLock(0);
  m_writer.setMaxThreadCount(1);
  m_timer.setInterval(intervalMs);
  connect(&m_timer, &QTimer::timeout, this, &Journal::write);
  m_timer.start();
}

Journal::~Journal() {
  m_writer.waitForDone();
}

std::optional<Leftover> Journal::leftover() const {
  std::optional<Leftover> found;
  for (const QFileInfo& file : QDir(folder()).entryInfoList({QStringLiteral("*.json")}, QDir::Files, QDir::Time)) {
    if (file.absoluteFilePath() == QFileInfo(m_path).absoluteFilePath()) continue;
    const bool crashed = file.fileName() != lastName;
    if (found && (found->crashed || !crashed)) continue;
    if (crashed && !isAbandoned(file.absoluteFilePath())) continue;
    found = Leftover{file.absoluteFilePath(), file.lastModified(), crashed};
  }
  return found;
}

void Journal::discard(const Leftover& leftover) {
  QFile::remove(leftover.path);
}

QString Journal::setAside(const Leftover& leftover) {
  const QString kept = leftover.path + QStringLiteral(".unreadable");
  QFile::remove(kept);
  return QFile::rename(leftover.path, kept) ? kept : leftover.path;
}

void Journal::replace(const Leftover& leftover) {
  m_replaced = leftover.path;
}

void Journal::write() {
  if (m_writer.activeThreadCount() > 0) return;  // a slow disk: the next round has it
  SessionState state = m_collect();
  if (state.checkpoint.isEmpty() || (m_hasFile && state == m_written)) return;
  m_written = state;
  m_hasFile = true;
  m_writer.start([this, state = std::move(state), path = m_path] {
    const QString problem = writeWhole(path, sessionText(state, QFileInfo(path).absolutePath()));
    QMetaObject::invokeMethod(this, [this, problem] {
      if (problem.isEmpty()) {
        m_failing = false;
        if (!m_replaced.isEmpty()) QFile::remove(std::exchange(m_replaced, {}));
        return;
      }
      m_hasFile = false;  // try again at the next round
      if (!std::exchange(m_failing, true)) Q_EMIT failed(tr("Your work is not being journalled: %1").arg(problem));
    });
  });
}

void Journal::close() {
  m_timer.stop();
  m_writer.waitForDone();
  write();
  m_writer.waitForDone();
  const QString last = folder() + QLatin1Char('/') + lastName;
  if (QFileInfo::exists(m_path)) {
    QFile::remove(last);
    QFile::rename(m_path, last);
  }
  m_lock->unlock();
}

}  // namespace app
