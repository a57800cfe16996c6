#include "app/generationpanel.h"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>

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
  for (widgets::LanePlot* plot : {m_times, m_memory}) plot->setEmptyText(tr("Press Generate to measure"));
  auto* plots = new QHBoxLayout;
  plots->setSpacing(8);
  plots->addWidget(m_times, 1);
  plots->addWidget(m_memory, 1);
  m_roofline = new widgets::RooflinePlot;
  m_roofline->setEmptyText(tr("Press Generate: how near each lane comes to what the processor can do"));
  plots->addWidget(m_roofline, 1);

  m_identical = new QLabel;
  m_provenance = new QLabel;
  m_provenance->setObjectName(QStringLiteral("generationProvenance"));
  m_provenance->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* foot = new QHBoxLayout;
  foot->addWidget(m_identical);
  foot->addStretch();
  foot->addWidget(m_provenance);

  auto* right = new QVBoxLayout;
  right->setSpacing(8);
  right->addLayout(lanes, 3);
  right->addLayout(plots, 3);
  right->addLayout(foot);
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(8, 8, 8, 8);
  layout->setSpacing(8);
  m_controls = buildControls();
  layout->addWidget(m_controls);
  layout->addLayout(right, 1);

  connect(&run, &GenerationRun::stateChanged, this, &GenerationPanel::refreshState);
  connect(&run, &GenerationRun::progressed, this, &GenerationPanel::refreshLanes);
  restyle();
  refreshState();
}

QWidget* GenerationPanel::buildControls() {
  m_prompt = new QPlainTextEdit(tr("It was a dark and stormy night"));
  m_prompt->setObjectName(QStringLiteral("prompt"));
  m_prompt->setAccessibleName(tr("Prompt"));
  m_prompt->setPlaceholderText(tr("Prompt"));
  m_prompt->setTabChangesFocus(true);
  m_prompt->setMinimumHeight(64);
  m_prompt->setMaximumHeight(140);
  const auto spin = [](int low, int high, int value, const QString& name, const QString& explanation) {
    auto* box = new QSpinBox;
    box->setRange(low, high);
    box->setValue(value);
    box->setAccessibleName(name);
    box->setToolTip(explanation);
    return box;
  };
  const auto real = [](double low, double high, double step, double value, const QString& name,
                       const QString& explanation) {
    auto* box = new QDoubleSpinBox;
    box->setRange(low, high);
    box->setSingleStep(step);
    box->setDecimals(2);
    box->setValue(value);
    box->setAccessibleName(name);
    box->setToolTip(explanation);
    return box;
  };
  m_tokens = spin(1, 32768, 512, tr("Tokens"), tr("Tokens to generate per sequence"));
  m_tokens->setObjectName(QStringLiteral("tokens"));
  m_batch = spin(1, 256, 1, tr("Batch"), tr("Sequences generated together; the first one is shown"));
  m_seed =
      spin(0, std::numeric_limits<int>::max(), 1, tr("Seed"), tr("Key of the noise: the same numbers for every lane"));
  m_temperature = real(0, 5, 0.1, 0.8, tr("Temperature"), tr("0 is greedy"));
  m_topK = spin(0, 256, 0, tr("Top k"), tr("Only the k most likely tokens; 0 is off"));
  m_topP = real(0.01, 1, 0.05, 1, tr("Top p"), tr("Smallest set of tokens with this probability; 1 is off"));

  m_transformer = new QComboBox;
  m_transformer->setObjectName(QStringLiteral("transformer"));
  m_transformer->setAccessibleName(tr("Transformer lane"));
  m_transformer->setToolTip(tr("A Transformer beside the two: random weights of the same shape, or a GPT checkpoint"));
  m_transformer->addItem(tr("none"), QString());
  m_transformer->addItem(tr("random, same shape"), QStringLiteral("random"));
  m_transformer->addItem(tr("from a file…"), QString());
  connect(m_transformer, &QComboBox::activated, this, &GenerationPanel::chooseTransformer);
  m_save = new QPushButton(tr("Save run…"));
  m_save->setObjectName(QStringLiteral("generateSave"));
  m_save->setToolTip(tr("Text, every token time and memory as JSON or CSV"));
  connect(m_save, &QPushButton::clicked, this, &GenerationPanel::chooseSave);

  m_start = new QPushButton(tr("Generate"));
  m_start->setObjectName(QStringLiteral("generateStart"));
  m_start->setDefault(true);
  m_pause = new QPushButton(tr("Pause"));
  m_pause->setObjectName(QStringLiteral("generatePause"));
  m_cancel = new QPushButton(tr("Cancel"));
  m_cancel->setObjectName(QStringLiteral("generateCancel"));
  connect(m_start, &QPushButton::clicked, this, &GenerationPanel::start);
  connect(m_pause, &QPushButton::clicked, this, [this] { m_run.setPaused(!m_run.paused()); });
  connect(m_cancel, &QPushButton::clicked, &m_run, &GenerationRun::cancel);

  auto* form = new QFormLayout;
  form->setSpacing(8);
  form->setLabelAlignment(Qt::AlignRight | Qt::AlignVCenter);
  form->addRow(tr("Tokens"), m_tokens);
  form->addRow(tr("Batch"), m_batch);
  form->addRow(tr("Seed"), m_seed);
  form->addRow(tr("Temperature"), m_temperature);
  form->addRow(tr("Top k"), m_topK);
  form->addRow(tr("Top p"), m_topP);
  form->addRow(tr("Transformer"), m_transformer);
  auto* second = new QHBoxLayout;
  second->setSpacing(8);
  second->addWidget(m_pause);
  second->addWidget(m_cancel);
  auto* column = new QVBoxLayout;
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(8);
  column->addWidget(m_prompt);
  column->addLayout(form);
  column->addWidget(m_start);
  column->addLayout(second);
  column->addWidget(m_save);
  column->addStretch();
  auto* holder = new QWidget;
  holder->setLayout(column);
  holder->setFixedWidth(240);
  return holder;
}

GenerationSettings GenerationPanel::settings() const {
  GenerationSettings out;
  out.prompt = m_prompt->toPlainText();
  out.tokens = m_tokens->value();
  out.batch = m_batch->value();
  out.seed = static_cast<quint64>(m_seed->value());
  out.sampling = {m_temperature->value(), m_topK->value(), m_topP->value()};
  out.transformer = transformer();
  return out;
}

QString GenerationPanel::transformer() const {
  return m_transformer->currentData().toString();
}

void GenerationPanel::setTransformer(const QString& source) {
  int index = m_transformer->findData(source);
  if (index < 0) {
    m_transformer->insertItem(2, QFileInfo(source).fileName(), source);
    index = 2;
  }
  m_transformer->setCurrentIndex(index);
  refreshState();
}

// The last entry asks for a file and becomes an entry of its own.
void GenerationPanel::chooseTransformer(int index) {
  if (index != m_transformer->count() - 1) return refreshState();
  const QString path = QFileDialog::getOpenFileName(this, tr("Open a Transformer"), {},
                                                    tr("Checkpoints (*.safetensors *.ckpt *.pt *.pth *.bin);;All files (*)"));
  setTransformer(path);
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
  return {{tr("Time per token"), m_times}, {tr("Memory per sequence"), m_memory}, {tr("Roofline"), m_roofline}};
}

void GenerationPanel::setTalking(bool on) {
  m_controls->setVisible(!on);
  m_roofline->setVisible(!on);
}

SavedGeneration GenerationPanel::controls() const {
  return {m_prompt->toPlainText(), m_tokens->value(), m_batch->value(), m_seed->value(),
          m_temperature->value(),  m_topK->value(),   m_topP->value(),  transformer()};
}

void GenerationPanel::restore(const SavedGeneration& saved) {
  m_prompt->setPlainText(saved.prompt);
  m_tokens->setValue(saved.tokens);
  m_batch->setValue(saved.batch);
  m_seed->setValue(static_cast<int>(saved.seed));
  m_temperature->setValue(saved.temperature);
  m_topK->setValue(saved.topK);
  m_topP->setValue(saved.topP);
  setTransformer(saved.transformer);
}

void GenerationPanel::start() {
  m_times->clear();
  m_memory->clear();
  m_plotted.assign(m_lanes.size(), 0);
  m_run.start(settings());
}

void GenerationPanel::refreshState() {
  const bool active = m_run.active();
  m_start->setEnabled(!active && m_document.checkpoint() != nullptr);
  m_pause->setEnabled(active);
  m_pause->setText(m_run.paused() ? tr("Resume") : tr("Pause"));
  m_cancel->setEnabled(active);
  m_save->setEnabled(!active && !m_run.lanes().empty());
  m_lanes[2]->setVisible(m_run.lanes().size() > 2 || (m_run.lanes().empty() && !transformer().isEmpty()));
  if (m_run.lanes().empty()) {
    const QString hint = active ? tr("Distilling the filters of the plan…")
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
  m_roofline->setRoof({tr("This processor, measured"), roof.flopsPerSecond, roof.bytesPerSecond});
  std::vector<widgets::RooflinePoint> points;
  const int batch = m_run.settings().batch;
  for (const Lane& lane : m_run.lanes())
    points.push_back({lane.name, roleOf(lane.kind), lane.flopsPerByte(batch), lane.flopsPerSecond(batch)});
  m_roofline->setPoints(std::move(points));
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
  for (QLabel* label : {m_identical, m_provenance}) {
    label->setFont(theme.font(widgets::TextSize::Caption));
    label->setStyleSheet(QStringLiteral("color: %1;").arg(theme.colour(widgets::Role::MutedText).name()));
  }
  m_prompt->setFont(theme.figures(widgets::TextSize::Body));
  // Lanes forget their text, whose colours belong to the old theme: it is written again once all have the new one.
  QMetaObject::invokeMethod(this, &GenerationPanel::refreshState, Qt::QueuedConnection);
}

}  // namespace app
