// The open model and what the person decided about it: which filter is looked at, and how many states each may keep.
// Every change of an order goes through the undo stack. Lives on the GUI thread.
#pragma once

#include <QFileSystemWatcher>
#include <QObject>
#include <QString>
#include <QUndoStack>
#include <memory>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "app/fitweight.h"
#include "app/jobs.h"

namespace app {

struct OrderChange {
  int row = 0;  // flat filter number, see Document::row
  int before = 0, after = 0;
};

class Document : public QObject {
  Q_OBJECT

 public:
  static constexpr int defaultOrder = 16;
  static constexpr int maxOrder = 64;

  explicit Document(Jobs&, QObject* parent = nullptr);

  // Opens in a job. On failure openFailed carries one sentence and the model that was open stays as it was.
  void open(const QString& path, const analysis::Choices& = {});
  // Reads the open file again with other choices. Where they leave the filters their number and place, orders, locks,
  // selection and history stay, and the change is one undoable step; otherwise it is as if the file were opened anew.
  void reread(const analysis::Choices&);
  // Reads the open file as it now is on disk, with the same choices. What stays is as with reread; no undoable step.
  void readAgain();
  // What a person chose where the file leaves a choice.
  const analysis::Choices& choices() const { return m_choices; }

  const std::shared_ptr<const analysis::Checkpoint>& checkpoint() const { return m_checkpoint; }  // null: nothing open
  QString path() const { return m_path; }

  // Filters are numbered bank after bank: what tables show as rows.
  int filterCount() const { return static_cast<int>(m_orders.size()); }
  int row(analysis::FilterId) const;
  analysis::FilterId filterId(int row) const;
  QString filterName(int row) const;

  analysis::FilterId selection() const { return m_selection; }  // bank -1: none
  int selectedRow() const { return m_selection.bank < 0 ? -1 : row(m_selection); }
  void select(int row);

  int order(int row) const { return m_orders[static_cast<std::size_t>(row)]; }
  const std::vector<int>& orders() const { return m_orders; }
  // One undoable step; locked rows and those whose order is already `order` are left out, and nothing is pushed when
  // none remains.
  void setOrder(const std::vector<int>& rows, int order);
  // The same with an order for each row.
  void setOrders(const std::vector<int>& rows, const std::vector<int>& orders);
  // A locked row keeps its order, whatever is applied to it, until it is unlocked. One undoable step.
  bool locked(int row) const { return m_locked[static_cast<std::size_t>(row)]; }
  void setLocked(const std::vector<int>& rows, bool on);
  int lockedCount() const;
  // Orders and locks of all rows as a session has them: no undoable step, the undo stack starts anew.
  void restorePlan(std::vector<int> orders, std::vector<bool> locked);
  // What counts as an error of a fit. One undoable step; another file begins with every frequency alike.
  const FitWeight& fitWeight() const { return m_fitWeight; }
  void setFitWeight(FitWeight);
  // The same as a session has it: no undoable step.
  void restoreFitWeight(FitWeight);
  // Rows of the bank that holds `row`.
  std::vector<int> bankRows(int row) const;
  std::vector<int> allRows() const;

  // Sum of orders over all filters: real states of the plan.
  long long totalStates() const;

  QUndoStack& undoStack() { return m_undo; }

 Q_SIGNALS:
  void openingStarted(const QString& path);
  void opened();
  void openFailed(const QString& path, const QString& sentence);
  void selectionChanged();
  void ordersChanged(const std::vector<int>& rows);
  void locksChanged(const std::vector<int>& rows);
  // Fits made before made another error small.
  void fitWeightChanged();
  // A single row was to change and is locked.
  void lockRefused(int row);
  // A file behind the open model was replaced, rewritten or removed since it was opened.
  void changedOnDisk(const QString& path);

 private:
  friend class OrderEdit;
  friend class LockEdit;
  friend class FitWeightEdit;
  friend class ReadingEdit;
  enum class History { anew, step, kept };
  void load(const QString& path, const analysis::Choices&, History);
  void take(const QString& path, std::shared_ptr<const analysis::Checkpoint>, const analysis::Choices&, History);
  void apply(const std::vector<OrderChange>&, bool forward);
  void applyLocks(const std::vector<int>& rows, bool on);

  Jobs& m_jobs;
  QUndoStack m_undo;
  QString m_path;
  analysis::Choices m_choices;
  QFileSystemWatcher m_watcher;
  std::shared_ptr<const analysis::Checkpoint> m_checkpoint;
  std::vector<int> m_bankStart;  // first row of each bank
  std::vector<int> m_orders;
  std::vector<bool> m_locked;
  FitWeight m_fitWeight;
  analysis::FilterId m_selection;
};

}  // namespace app
