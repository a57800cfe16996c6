#include "app/edits.h"

#include <QDateTime>
#include <algorithm>

namespace app {

namespace {
constexpr int orderEditId = 1;
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

}  // namespace app
