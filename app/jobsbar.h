// The right end of the status bar: the oldest running job with progress and a cancel button, and how many more there
// are.
#pragma once

#include <QWidget>

#include "app/jobs.h"

class QLabel;
class QProgressBar;
class QTimer;
class QToolButton;

namespace app {

class JobsBar : public QWidget {
  Q_OBJECT

 public:
  explicit JobsBar(Jobs&, QWidget* parent = nullptr);

 private:
  void refresh();

  Jobs& m_jobs;
  Jobs::Id m_shown = 0;
  QLabel* m_title;
  QProgressBar* m_progress;
  QToolButton* m_cancel;
  QTimer* m_timer;
};

}  // namespace app
