// Undoable changes of the open document. Each knows its text for the menu.
#pragma once

#include <QUndoCommand>
#include <vector>

#include "app/document.h"

namespace app {

// "order 8 to 12, filter 3.5" or "order 16, 128 filters". Consecutive single steps on one filter (arrow keys) within a
// second are one step of the undo stack.
class OrderEdit : public QUndoCommand {
 public:
  OrderEdit(Document&, std::vector<OrderChange>);
  void undo() override;
  void redo() override;
  int id() const override;
  bool mergeWith(const QUndoCommand*) override;

 private:
  QString text() const;

  Document& m_document;
  std::vector<OrderChange> m_changes;
  qint64 m_timeMs;
};

}  // namespace app
