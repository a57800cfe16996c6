#include "app/generationpanel.h"

#include <QFileDialog>
#include <QHBoxLayout>
#include <QLabel>
#include <QTabBar>
#include <QTabWidget>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "app/generationcontrols.h"
#include "app/laneview.h"
#include "app/runrecord.h"
#include "widgets/laneplot.h"
#include "widgets/rooflineplot.h"

namespace app {

namespace {

widgets::Role roleOf(Lane::Kind kind) {
  switch (kind) {
    case Lane::Kind::original:
      return widgets::Role::Original;
    case Lane::Kind::distilled:
      return widgets::Role::Distilled;
    case Lane::Kind::transformer:
      return widgets::Role::Transformer;
  }
  return widgets::Role::Original;
}

}  // namespace

GenerationPanel::GenerationPanel(Document& document, GenerationRun& run, QWidget* parent)
    : QWidget(parent), m_document(document), m_run(run) {
  auto* lanes = new QHBoxLayout;
  lanes->setSpacing(8);
  for (const widgets::Role role : {widgets::Role::Original, widgets::Role::Distilled, widgets::Role::Transformer}) {
    m_lanes.push_back(new LaneView(role));
    lanes->addWidget(m_lanes.back(), 1);
  }
  m_times = new widgets::LanePlot(widgets::LanePlot::Quantity::MillisecondsPerToken);
  m_memory = new widgets::LanePlot(widgets::LanePlot::Quantity::BytesPerSequence);
  auto* plots = new QHBoxLayout;
  plots->setSpacing(8);
  plots->addWidget(m_times, 1);
  plots->addWidget(m_memory, 1);
  m_roofline = new widgets::RooflinePlot;
  m_sweep = new widgets::LanePlot(widgets::LanePlot::Quantity::TokensPerSecond);
  m_sweep->setEmptyText(tr("Press Sweep batches: what each lane gains from more sequences"));
  m_limits = new QTabWidget;
  m_limits->setObjectName(QStringLiteral("limits"));
  m_limits->setDocumentMode(true);
  m_limits->setTabPosition(QTabWidget::South);  // so that the three plots begin on one line
  m_limits->addTab(m_roofline, tr("Roofline"));
  m_limits->addTab(m_sweep, tr("Batch sweep"));
  plots->addWidget(m_limits, 1);

  m_identical = new QLabel;
  m_effect = new QLabel;
  m_effect->setObjectName(QStringLiteral("generationEffect"));
  m_effect->setToolTip(tr("Measured on a text (Ctrl+M), beside the original"));
  m_provenance = new QLabel;
  m_provenance->setObjectName(QStringLiteral("generationProvenance"));
  m_provenance->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* foot = new QHBoxLayout;
  foot->setSpacing(24);
  foot->addWidget(m_identical);
  foot->addWidget(m_effect);
  foot->addStretch();
  foot->addWidget(m_provenance);

  m_right = new QVBoxLayout;
  m_right->setSpacing(8);
  m_right->addLayout(lanes, 3);
  m_right->addLayout(plots, 3);
  m_right->addLayout(foot);
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(8, 8, 8, 8);
  layout->setSpacing(8);
  m_controls = new GenerationControls(document, run);
  connect(m_controls, &GenerationControls::startAsked, this, &GenerationPanel::start);
  connect(m_controls, &GenerationControls::sweepAsked, this, &GenerationPanel::sweep);
  connect(m_controls, &GenerationControls::saveAsked, this, &GenerationPanel::chooseSave);
  connect(m_controls, &GenerationControls::changed, this, &GenerationPanel::refreshState);
  layout->addWidget(m_controls);
  layout->addLayout(m_right, 1);

  connect(&run, &GenerationRun::stateChanged, this, &GenerationPanel::refreshState);
  connect(&run, &GenerationRun::progressed, this, &GenerationPanel::refreshLanes);
  restyle();
  refreshState();
}

void GenerationPanel::chooseSave() {
  if (m_run.lanes().empty()) return;
  const QString path = QFileDialog::getSaveFileName(this, tr("Save the run"), QStringLiteral("generation.json"),
                                                    tr("JSON (*.json);;CSV (*.csv)"));
  if (path.isEmpty()) return;
  const QString problem = saveRun(m_run, path);
  if (problem.isEmpty())
    Q_EMIT saved(path);
  else
    Q_EMIT failed(problem);
}

std::vector<std::pair<QString, widgets::Plot*>> GenerationPanel::plots() const {
  return {{tr("Time per token"), m_times},
          {tr("Memory per sequence"), m_memory},
          {tr("Roofline"), m_roofline},
          {tr("Throughput over batch"), m_sweep}};
}

void GenerationPanel::tellEffect(const std::optional<PlanEffect>& plan) {
  m_effect->setText(!plan ? QString()
                          : tr("this plan: %1%2 bits per token, KL %3 bits")
                                .arg(plan->addedBits < 0 ? QStringLiteral("−") : QStringLiteral("+"))
                                .arg(std::abs(plan->addedBits), 0, 'f', 4)
                                .arg(plan->klBits, 0, 'f', 4));
}

void GenerationPanel::setTalking(bool on) {
  m_talking = on;
  m_controls->setVisible(!on);
  for (QLabel* said : {m_provenance, m_effect}) said->setVisible(!on);  // the line of talk mode says it
  for (LaneView* lane : m_lanes) lane->setTalking(on);
  // From the back row the curves tell more than the text.
  m_right->setStretch(0, on ? 0 : 3);
  showPlots();
}

void GenerationPanel::start() {
  m_run.start(m_controls->settings());
}

void GenerationPanel::sweep() {
  m_run.sweep(m_controls->settings());
}

// The plots of the run before stay until the lanes of the next one are there.
void GenerationPanel::beginPlots() {
  m_shown = m_run.number();
  for (widgets::LanePlot* plot : {m_times, m_memory}) plot->clear();
  if (m_run.sweeping()) m_sweep->clear();
  m_plotted.assign(m_lanes.size(), 0);
  m_limits->setCurrentWidget(m_run.sweeping() ? static_cast<QWidget*>(m_sweep) : m_roofline);
  showPlots();
}

// Talk mode has room for what the run is about.
void GenerationPanel::showPlots() {
  const bool swept = m_limits->currentWidget() == m_sweep;
  m_limits->setVisible(!m_talking || swept);
  m_limits->tabBar()->setVisible(!m_talking);
  for (LaneView* lane : m_lanes) lane->setTextVisible(!m_talking || !swept);
  for (widgets::LanePlot* plot : {m_times, m_memory}) plot->setVisible(!m_talking || !swept);
}

void GenerationPanel::refreshState() {
  if (m_shown != m_run.number()) beginPlots();
  const bool active = m_run.active();
  m_controls->refresh();
  const QString waiting = tr("Waiting for the first tokens…");
  for (widgets::LanePlot* plot : {m_times, m_memory})
    plot->setEmptyText(active ? waiting : tr("Press Generate to measure"));
  m_roofline->setEmptyText(
      active ? waiting : tr("Press Generate: how near each lane comes to what the processor can do"));
  m_lanes[2]->setVisible(m_run.lanes().size() > 2 ||
                         (m_run.lanes().empty() && !m_controls->settings().transformer.isEmpty()));
  if (m_run.lanes().empty()) {
    const QString hint = active ? tr("Distilling the filters…")
                                : tr("Press Generate: the same prompt, seed and noise go through both models");
    m_lanes[0]->clear(tr("Original"), hint);
    m_lanes[1]->clear(tr("Distilled"), hint);
    m_lanes[2]->clear(tr("Transformer"), hint);
    m_roofline->setPoints({});
    m_identical->clear();
    m_provenance->clear();
    return;
  }
  m_provenance->setText(m_run.provenance());
  if (!m_run.lanes().empty()) m_times->setExpectedLength(m_run.lanes().front().capacityTokens);
  if (!m_run.lanes().empty()) m_memory->setExpectedLength(m_run.lanes().front().capacityTokens);
  refreshLanes();
}

void GenerationPanel::refreshLanes() {
  const std::vector<Lane>& lanes = m_run.lanes();
  if (m_run.sweeping() || (!lanes.empty() && !lanes.front().sweep.empty())) return refreshSweep();
  const int identical = m_run.identicalTokens(), identicalBytes = m_run.identicalBytes();
  const int batch = m_run.settings().batch;
  for (std::size_t i = 0; i < lanes.size() && i < m_lanes.size(); ++i) {
    std::optional<double> ratio;
    const double reference = lanes.front().rate(batch), own = lanes[i].rate(batch);
    if (i > 0 && reference > 0 && own > 0) ratio = own / reference;
    const bool marked = lanes[i].kind != Lane::Kind::transformer;  // another model says something else
    m_lanes[i]->show(lanes[i], m_run.settings().prompt, batch, marked ? identicalBytes : 0, ratio);
  }
  if (lanes.size() > 1) {
    const std::size_t shortest = std::min(lanes[0].tokens.size(), lanes[1].tokens.size());
    m_identical->setText(static_cast<std::size_t>(identical) == shortest
                             ? tr("identical so far: all %1 tokens").arg(identical)
                             : tr("identical prefix: %1 of %2 tokens (marked)").arg(identical).arg(shortest));
  }
  refreshPlots();
  if (!m_run.active() || !m_roofClock.isValid() || m_roofClock.elapsed() > 500) {  // steady enough to be read
    m_roofClock.start();
    refreshRoofline();
  }
}

void GenerationPanel::refreshRoofline() {
  const MeasuredRoof& roof = m_run.roof();
  if (roof.flopsPerSecond <= 0) return;
  m_roofline->setRoof({m_run.device().gpu() ? tr("This GPU, measured") : tr("This processor, measured"),
                       roof.flopsPerSecond, roof.bytesPerSecond});
  std::vector<widgets::RooflinePoint> points;
  const int batch = m_run.settings().batch;
  for (const Lane& lane : m_run.lanes())
    points.push_back({lane.name, roleOf(lane.kind), lane.flopsPerByte(batch), lane.flopsPerSecond(batch)});
  m_roofline->setPoints(std::move(points));
}

void GenerationPanel::refreshSweep() {
  m_identical->clear();
  const std::vector<Lane>& lanes = m_run.lanes();
  for (std::size_t i = 0; i < lanes.size() && i < m_lanes.size(); ++i) {
    m_lanes[i]->showSweep(lanes[i]);
    const auto& points = lanes[i].sweep;
    for (std::size_t p = m_sweep->size(roleOf(lanes[i].kind)); p < points.size(); ++p)
      m_sweep->append(roleOf(lanes[i].kind), points[p].batch, points[p].tokensPerSecond);
  }
}

void GenerationPanel::refreshPlots() {
  const std::vector<Lane>& lanes = m_run.lanes();
  m_plotted.resize(m_lanes.size(), 0);
  for (std::size_t i = 0; i < lanes.size() && i < m_lanes.size(); ++i) {
    const Lane& lane = lanes[i];
    const int prompt = lane.capacityTokens - m_run.settings().tokens;
    std::vector<double> positions, milliseconds, bytes;
    for (std::size_t t = m_plotted[i]; t < lane.tokenSeconds.size(); ++t) {
      const int position = prompt + static_cast<int>(t) + 1;
      positions.push_back(position);
      milliseconds.push_back(1e3 * lane.tokenSeconds[t]);
      bytes.push_back(lane.bytesAt(position));
    }
    m_plotted[i] = lane.tokenSeconds.size();
    if (positions.empty()) continue;
    m_times->append(roleOf(lane.kind), positions, milliseconds);
    m_memory->append(roleOf(lane.kind), positions, bytes);
  }
}

bool GenerationPanel::event(QEvent* event) {
  if (event->type() == widgets::themeChangeEvent()) restyle();
  return QWidget::event(event);
}

void GenerationPanel::restyle() {
  const widgets::Theme theme = widgets::applicationTheme();
  for (QLabel* label : {m_identical, m_effect, m_provenance}) {
    label->setFont(theme.font(widgets::TextSize::Caption));
    label->setStyleSheet(QStringLiteral("color: %1;").arg(theme.colour(widgets::Role::MutedText).name()));
  }
  m_controls->restyle();
  // Lanes forget their text, whose colours belong to the old theme: it is written again once all have the new one.
  QMetaObject::invokeMethod(this, &GenerationPanel::refreshState, Qt::QueuedConnection);
}

}  // namespace app
