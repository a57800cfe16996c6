#include "app/reference.h"

#include <QFileInfo>
#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/error.h"
#include "analysis/response/spectrum.h"

namespace app {

namespace {

const QString purpose = QStringLiteral("second checkpoint");
const QString viewPurpose = QStringLiteral("reference");

ReferenceView viewOf(const analysis::Filter& shown, const analysis::Filter& reference, const QString& name) {
  ReferenceView out;
  out.name = name;
  out.taps = reference.taps;
  // The spectrum plot has one grid: that of the shown filter.
  std::vector<double> onGrid = reference.taps;
  onGrid.resize(shown.taps.size());
  out.decibels = analysis::magnitudeDecibels(analysis::spectrum(onGrid));
  const std::size_t both = std::min(shown.taps.size(), reference.taps.size());
  double apart = 0, norm = 0;
  for (std::size_t t = 0; t < both; ++t) {
    out.difference.push_back(shown.taps[t] - reference.taps[t]);
    apart += out.difference[t] * out.difference[t];
    norm += reference.taps[t] * reference.taps[t];
  }
  out.distanceRelative = norm > 0 ? std::sqrt(apart / norm) : std::numeric_limits<double>::quiet_NaN();
  std::vector<double> padded = out.difference;
  padded.resize(shown.taps.size());
  out.differenceDecibels = analysis::magnitudeDecibels(analysis::spectrum(padded));
  return out;
}

}  // namespace

std::optional<analysis::FilterId> filterNamed(const analysis::Checkpoint& checkpoint, const std::string& name) {
  try {
    const auto found = checkpoint.parseFilters(name);
    if (found.size() == 1) return found.front();
  } catch (const analysis::Error&) {  // no such filter here
  }
  return std::nullopt;
}

Reference::Reference(Document& document, Analyst& analyst, Jobs& jobs, QObject* parent)
    : QObject(parent), m_document(document), m_analyst(analyst), m_jobs(jobs) {
  connect(&analyst, &Analyst::analysed, this, &Reference::refresh);
  connect(&document, &Document::opened, this, &Reference::clear);
}

void Reference::togglePin() {
  const auto known = m_analyst.current();
  if (!known) return;
  const bool same = m_pinned == known->filter;
  clear();
  if (!same) m_pinned = known->filter;
  refresh();
  Q_EMIT changed();
}

void Reference::pin(const std::string& name) {
  if (!m_document.checkpoint()) return;
  const auto id = filterNamed(*m_document.checkpoint(), name);
  if (!id) return;
  m_jobs.start(purpose, tr("Pinning filter %1").arg(QString::fromStdString(name)), Jobs::Priority::interactive,
               [this, checkpoint = m_document.checkpoint(), id = *id](const analysis::Task& task, const Jobs::Post& post) {
                 const auto filter = checkpoint->filter(id, task);
                 post([this, filter] {
                   m_other.reset();
                   m_otherPath.clear();
                   m_matched = 0;
                   m_pinned = filter;
                   m_shown.reset();
                   refresh();
                   Q_EMIT changed();
                 });
               });
}

void Reference::clear() {
  if (!active() && !m_jobs.running(purpose)) return;
  m_jobs.cancel(purpose);
  m_jobs.cancel(viewPurpose);
  m_pinned.reset();
  m_other.reset();
  m_otherPath.clear();
  m_matched = 0;
  m_shown.reset();
  m_view.reset();
  Q_EMIT changed();
}

void Reference::compareWith(const QString& path) {
  if (!m_document.checkpoint()) return;
  const QString absolute = QFileInfo(path).absoluteFilePath();
  m_jobs.start(
      purpose, tr("Opening %1 beside").arg(QFileInfo(path).fileName()), Jobs::Priority::interactive,
      [this, absolute, open = m_document.checkpoint()](const analysis::Task& task, const Jobs::Post& post) {
        const auto other = analysis::Checkpoint::open(absolute.toStdString(), task);
        int matched = 0;
        for (int bank = 0; bank < static_cast<int>(open->banks().size()); ++bank) {
          task.throwIfStopped();
          for (int channel = 0; channel < open->banks()[static_cast<std::size_t>(bank)].channels; ++channel)
            if (filterNamed(*other, open->filterName({bank, channel}))) ++matched;
        }
        if (matched == 0)
          throw analysis::Error(analysis::ErrorKind::input, absolute.toStdString(),
                                "none of its filters has the name of a filter of the open model",
                                "choose a checkpoint with the same layers");
        post([this, absolute, other, matched] {
          m_pinned.reset();
          m_other = other;
          m_otherPath = absolute;
          m_matched = matched;
          m_shown.reset();
          Q_EMIT told(tr("%1 of %2 filters have a namesake in %3.")
                          .arg(matched)
                          .arg(m_document.filterCount())
                          .arg(QFileInfo(absolute).fileName()));
          refresh();
          Q_EMIT changed();
        });
      },
      [this](const QString& sentence) { Q_EMIT failed(sentence); });
}

void Reference::refresh() {
  const auto known = m_analyst.current();
  if (!active() || !known || known->filter == m_shown) return;
  m_shown = known->filter;
  m_view.reset();
  Q_EMIT changed();
  if (m_pinned == known->filter) return;  // nothing to see: it is itself
  m_jobs.start(
      viewPurpose, tr("Comparing filter %1").arg(QString::fromStdString(known->filter->name)), Jobs::Priority::interactive,
      [this, shown = known->filter, pinned = m_pinned, other = m_other, path = m_otherPath](const analysis::Task& task,
                                                                                            const Jobs::Post& post) {
        ReferenceView view;
        if (pinned) {
          view = viewOf(*shown, *pinned, tr("A: filter %1").arg(QString::fromStdString(pinned->name)));
        } else {
          const auto id = filterNamed(*other, shown->name);
          if (!id) return;
          view = viewOf(*shown, *other->filter(*id, task), tr("%1 of %2").arg(QString::fromStdString(shown->name),
                                                                             QFileInfo(path).fileName()));
        }
        post([this, view] {
          m_view = view;
          Q_EMIT changed();
        });
      },
      [this](const QString& sentence) { Q_EMIT failed(sentence); });
}

}  // namespace app
