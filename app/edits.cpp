#include "app/edits.h"

#include <QDateTime>
#include <algorithm>
#include <utility>

namespace app {

namespace {
constexpr int orderEditId = 1, settingEditId = 2;
constexpr qint64 mergeWindowMs = 1000;
}  // namespace

OrderEdit::OrderEdit(Document& document, std::vector<OrderChange> changes)
    : m_document(document), m_changes(std::move(changes)), m_timeMs(QDateTime::currentMSecsSinceEpoch()) {
  setText(text());
}

QString OrderEdit::text() const {
  const OrderChange& first = m_changes.front();
  if (m_changes.size() == 1)
    return QObject::tr("order %1 to %2, filter %3")
        .arg(first.before)
        .arg(first.after)
        .arg(m_document.filterName(first.row));
  const bool uniform =
      std::all_of(m_changes.begin(), m_changes.end(), [&](const OrderChange& c) { return c.after == first.after; });
  return uniform ? QObject::tr("order %1, %2 filters").arg(first.after).arg(m_changes.size())
                 : QObject::tr("orders of %1 filters").arg(m_changes.size());
}

void OrderEdit::undo() {
  m_document.apply(m_changes, false);
}
void OrderEdit::redo() {
  m_document.apply(m_changes, true);
}

int OrderEdit::id() const {
  return m_changes.size() == 1 ? orderEditId : -1;
}

bool OrderEdit::mergeWith(const QUndoCommand* other) {
  const auto* next = static_cast<const OrderEdit*>(other);
  if (next->m_changes.size() != 1 || next->m_changes.front().row != m_changes.front().row ||
      next->m_timeMs - m_timeMs > mergeWindowMs)
    return false;
  m_changes.front().after = next->m_changes.front().after;
  m_timeMs = next->m_timeMs;
  setText(text());
  setObsolete(m_changes.front().before == m_changes.front().after);
  return true;
}

LockEdit::LockEdit(Document& document, std::vector<int> rows, bool on)
    : m_document(document), m_rows(std::move(rows)), m_on(on) {
  const QString verb = on ? QObject::tr("lock") : QObject::tr("unlock");
  setText(m_rows.size() == 1 ? QObject::tr("%1 of filter %2").arg(verb, document.filterName(m_rows.front()))
                             : QObject::tr("%1 of %2 filters").arg(verb).arg(m_rows.size()));
}

FitWeightEdit::FitWeightEdit(Document& document, FitWeight before, FitWeight after)
    : m_document(document), m_before(std::move(before)), m_after(std::move(after)) {
  setText(QObject::tr("fits by %1").arg(m_after.name()));
}

void FitWeightEdit::undo() {
  m_document.restoreFitWeight(m_before);
}
void FitWeightEdit::redo() {
  m_document.restoreFitWeight(m_after);
}

void LockEdit::undo() {
  m_document.applyLocks(m_rows, !m_on);
}
void LockEdit::redo() {
  m_document.applyLocks(m_rows, m_on);
}

SettingEdit::SettingEdit(const QString& what, const QString& before, const QString& after,
                         std::function<void(const QString&)> set)
    : m_what(what), m_before(before), m_after(after), m_set(std::move(set)), m_timeMs(QDateTime::currentMSecsSinceEpoch()) {
  setText(QObject::tr("%1 %2 to %3").arg(what, before, after));
}

void SettingEdit::redo() {
  if (!std::exchange(m_made, false)) m_set(m_after);
}

int SettingEdit::id() const {
  return settingEditId;
}

bool SettingEdit::mergeWith(const QUndoCommand* other) {
  const auto* next = static_cast<const SettingEdit*>(other);
  if (next->m_what != m_what || next->m_timeMs - m_timeMs > mergeWindowMs) return false;
  m_after = next->m_after;
  m_timeMs = next->m_timeMs;
  setText(QObject::tr("%1 %2 to %3").arg(m_what, m_before, m_after));
  setObsolete(m_before == m_after);
  return true;
}

ReadingEdit::ReadingEdit(Document& document, analysis::Choices before, analysis::Choices after)
    : m_document(document), m_before(std::move(before)), m_after(std::move(after)) {
  QStringList changes;
  for (const auto& [name, value] : m_after) {
    const auto old = m_before.find(name);
    if (old == m_before.end() || old->second != value)
      changes << QObject::tr("%1 = %2").arg(QString::fromStdString(name), QString::fromStdString(value));
  }
  for (const auto& [name, value] : m_before) {
    if (!m_after.contains(name)) changes << QObject::tr("%1 as the file has it").arg(QString::fromStdString(name));
  }
  setText(changes.join(QStringLiteral(", ")));
}

void ReadingEdit::undo() {
  m_document.load(m_document.path(), m_before, Document::History::kept);
}

void ReadingEdit::redo() {
  if (!std::exchange(m_made, false)) m_document.load(m_document.path(), m_after, Document::History::kept);
}

}  // namespace app
