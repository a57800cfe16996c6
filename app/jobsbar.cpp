#include "app/jobsbar.h"

#include <QHBoxLayout>
#include <QProgressBar>
#include <QTimer>
#include <QToolButton>
#include <algorithm>

#include "app/valuelabel.h"

namespace app {

namespace {

// Remaining time from the share done so far; empty while it would be a guess.
QString remaining(const Jobs::Entry& job) {
  if (job.fraction < 0.02 || job.elapsedMs < 1500) return {};
  const double seconds = static_cast<double>(job.elapsedMs) * 1e-3 * (1 - job.fraction) / job.fraction;
  return seconds < 90 ? JobsBar::tr(", %1 s left").arg(seconds, 0, 'f', 0)
                      : JobsBar::tr(", %1 min left").arg(seconds / 60, 0, 'f', 0);
}

}  // namespace

JobsBar::JobsBar(Jobs& jobs, QWidget* parent)
    : QWidget(parent),
      m_jobs(jobs),
      m_title(new ValueLabel(36)),
      m_progress(new QProgressBar),
      m_cancel(new QToolButton),
      m_timer(new QTimer(this)) {
  m_progress->setRange(0, 1000);
  m_progress->setTextVisible(false);
  m_progress->setFixedSize(140, 8);
  m_cancel->setText(tr("Cancel"));
  m_cancel->setObjectName(QStringLiteral("cancelJob"));
  m_title->setAlignment(Qt::AlignRight);
  // Jobs come and go several times a second; a bar that grows and shrinks would lay out the whole window each time.
  for (QWidget* part : parts()) {
    QSizePolicy policy = part->sizePolicy();
    policy.setRetainSizeWhenHidden(true);
    part->setSizePolicy(policy);
  }
  setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Preferred);  // stays where it is beside a passing message
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(0, 0, 8, 0);
  layout->setSpacing(8);
  layout->addWidget(m_title);
  layout->addWidget(m_progress);
  layout->addWidget(m_cancel);
  connect(m_cancel, &QToolButton::clicked, this, [this] {
    m_jobs.cancel(m_shown);
    refresh();
  });
  connect(m_timer, &QTimer::timeout, this, &JobsBar::refresh);
  m_timer->start(100);
  refresh();
}

std::array<QWidget*, 3> JobsBar::parts() const {
  return {m_title, m_progress, m_cancel};
}

void JobsBar::refresh() {
  const std::vector<Jobs::Entry> running = m_jobs.entries();
  for (QWidget* part : parts()) part->setVisible(!running.empty());
  if (running.empty()) return;
  // The oldest that can say how far it is; fits of one filter come and go beside it.
  const auto told = std::find_if(running.begin(), running.end(), [](const Jobs::Entry& job) { return job.fraction > 0; });
  const Jobs::Entry& job = told == running.end() ? running.front() : *told;
  m_shown = job.id;
  QString title = job.title + remaining(job);
  if (running.size() > 1) title += tr("  (+%1)").arg(running.size() - 1);
  m_title->setText(title);
  m_cancel->setAccessibleName(tr("Cancel: %1").arg(job.title));
  m_progress->setAccessibleName(job.title);
  m_progress->setValue(static_cast<int>(job.fraction * 1000));
}

}  // namespace app
