// The right end of the status bar: the oldest running job with progress and a cancel button, and how many more there
// are.
#pragma once

#include <QWidget>
#include <array>

#include "app/jobs.h"

class QProgressBar;
class QTimer;
class QToolButton;

namespace app {

class ValueLabel;

class JobsBar : public QWidget {
  Q_OBJECT

 public:
  explicit JobsBar(Jobs&, QWidget* parent = nullptr);

 private:
  void refresh();
  std::array<QWidget*, 3> parts() const;

  Jobs& m_jobs;
  Jobs::Id m_shown = 0;
  ValueLabel* m_title;
  QProgressBar* m_progress;
  QToolButton* m_cancel;
  QTimer* m_timer;
};

}  // namespace app
