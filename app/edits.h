// Undoable changes of the open document. Each knows its text for the menu.
#pragma once

#include <QUndoCommand>
#include <functional>
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

// "lock of filter 3.5" or "unlock of 128 filters".
class LockEdit : public QUndoCommand {
 public:
  // `rows` are those that change.
  LockEdit(Document&, std::vector<int> rows, bool on);
  void undo() override;
  void redo() override;

 private:
  Document& m_document;
  std::vector<int> m_rows;
  bool m_on;
};

// "fits by band 0.1–1.2 rad/token".
class FitWeightEdit : public QUndoCommand {
 public:
  FitWeightEdit(Document&, FitWeight before, FitWeight after);
  void undo() override;
  void redo() override;

 private:
  Document& m_document;
  FitWeight m_before, m_after;
};

// A setting beside the plan: "tolerance 10 to 5". It has been made already when this is pushed; changes of one setting
// within a second are one step.
class SettingEdit : public QUndoCommand {
 public:
  // `set` takes `before` or `after`.
  SettingEdit(const QString& what, const QString& before, const QString& after, std::function<void(const QString&)> set);
  void undo() override { m_set(m_before); }
  void redo() override;
  int id() const override;
  bool mergeWith(const QUndoCommand*) override;

 private:
  QString m_what, m_before, m_after;
  std::function<void(const QString&)> m_set;
  qint64 m_timeMs;
  bool m_made = true;
};

// "shift = 0.05": the open file read with other choices. Undoing reads it again in a job.
class ReadingEdit : public QUndoCommand {
 public:
  // The change has been made already.
  ReadingEdit(Document&, analysis::Choices before, analysis::Choices after);
  void undo() override;
  void redo() override;

 private:
  Document& m_document;
  analysis::Choices m_before, m_after;
  bool m_made = true;
};

}  // namespace app
