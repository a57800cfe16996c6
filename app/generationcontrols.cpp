#include "app/generationcontrols.h"

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
#include <QStandardItemModel>
#include <QVBoxLayout>
#include <algorithm>
#include <limits>

#include "widgets/theme.h"

namespace app {

GenerationControls::GenerationControls(Document& document, GenerationRun& run, QWidget* parent)
    : QWidget(parent), m_document(document), m_run(run) {
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
  m_batch = spin(1, 16384, 1, tr("Batch"), tr("Sequences generated together; the first one is shown"));
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
  connect(m_transformer, &QComboBox::activated, this, &GenerationControls::chooseTransformer);
  m_device = new QComboBox;
  m_device->setObjectName(QStringLiteral("device"));
  m_device->setAccessibleName(tr("Device"));
  m_device->setToolTip(tr("What computes: automatic takes a GPU that can run all lanes, else the processor"));
  m_device->addItem(tr("automatic"), QString());
  m_deviceRemark = new QLabel;
  m_deviceRemark->setObjectName(QStringLiteral("deviceRemark"));
  m_deviceRemark->setWordWrap(true);
  m_deviceRemark->hide();
  m_sweepStart = new QPushButton(tr("Sweep batches"));
  m_sweepStart->setObjectName(QStringLiteral("sweepStart"));
  m_sweepStart->setToolTip(tr("Throughput of every lane at 1, 2, 4 … sequences, until memory or patience ends"));
  connect(m_sweepStart, &QPushButton::clicked, this, &GenerationControls::sweepAsked);
  m_save = new QPushButton(tr("Save run…"));
  m_save->setObjectName(QStringLiteral("generateSave"));
  m_save->setToolTip(tr("Text, every token time and memory as JSON or CSV"));
  connect(m_save, &QPushButton::clicked, this, &GenerationControls::saveAsked);

  m_start = new QPushButton(tr("Generate"));
  m_start->setObjectName(QStringLiteral("generateStart"));
  m_start->setDefault(true);
  m_pause = new QPushButton(tr("Pause"));
  m_pause->setObjectName(QStringLiteral("generatePause"));
  m_cancel = new QPushButton(tr("Cancel"));
  m_cancel->setObjectName(QStringLiteral("generateCancel"));
  connect(m_start, &QPushButton::clicked, this, &GenerationControls::startAsked);
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
  form->addRow(tr("Device"), m_device);
  for (QComboBox* box : {m_transformer, m_device}) {  // a long name must not widen the column
    box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    box->setMinimumContentsLength(8);
  }
  auto* second = new QHBoxLayout;
  second->setSpacing(8);
  second->addWidget(m_pause);
  second->addWidget(m_cancel);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(8);
  column->addWidget(m_prompt);
  column->addLayout(form);
  column->addWidget(m_deviceRemark);
  column->addWidget(m_start);
  column->addLayout(second);
  column->addWidget(m_sweepStart);
  column->addWidget(m_save);
  column->addStretch();
  setFixedWidth(240);
  connect(&run, &GenerationRun::devicesFound, this, &GenerationControls::refreshDevices);
  restyle();
  refreshDevices();
}

GenerationSettings GenerationControls::settings() const {
  GenerationSettings out;
  out.prompt = m_prompt->toPlainText();
  out.tokens = m_tokens->value();
  out.batch = m_batch->value();
  out.seed = static_cast<quint64>(m_seed->value());
  out.sampling = {m_temperature->value(), m_topK->value(), m_topP->value()};
  out.transformer = transformer();
  out.device = m_device->currentData().toString();
  return out;
}

QString GenerationControls::transformer() const {
  return m_transformer->currentData().toString();
}

void GenerationControls::setTransformer(const QString& source) {
  int index = m_transformer->findData(source);
  if (index < 0) {
    m_transformer->insertItem(2, QFileInfo(source).fileName(), source);
    index = 2;
  }
  m_transformer->setCurrentIndex(index);
  Q_EMIT changed();
}

// A device of a session that is not here stays in the list, so that Generate says what is wrong with it.
void GenerationControls::refreshDevices() {
  const QString chosen = m_device->currentData().toString();
  while (m_device->count() > 1) m_device->removeItem(1);
  for (const engine::DeviceInfo& info : m_run.devices()) {
    const QString id = QString::fromStdString(info.id), name = QString::fromStdString(info.name).simplified();
    m_device->addItem(name, id);
    const int row = m_device->count() - 1;
    m_device->setItemData(row, info.usable ? name : QString::fromStdString(info.remark), Qt::ToolTipRole);
    if (info.usable) continue;
    if (auto* items = qobject_cast<QStandardItemModel*>(m_device->model())) items->item(row)->setEnabled(false);
  }
  if (m_device->findData(chosen) < 0) m_device->addItem(chosen, chosen);
  m_device->setCurrentIndex(m_device->findData(chosen));
  refresh();
}

// The last entry asks for a file and becomes an entry of its own.
void GenerationControls::chooseTransformer(int index) {
  if (index != m_transformer->count() - 1) {
    Q_EMIT changed();
    return;
  }
  const QString path = QFileDialog::getOpenFileName(
      this, tr("Open a Transformer"), {}, tr("Checkpoints (*.safetensors *.ckpt *.pt *.pth *.bin);;All files (*)"));
  setTransformer(path);
}

SavedGeneration GenerationControls::saved() const {
  return {m_prompt->toPlainText(), m_tokens->value(),      m_batch->value(),
          m_seed->value(),         m_temperature->value(), m_topK->value(),
          m_topP->value(),         transformer(),          m_device->currentData().toString()};
}

void GenerationControls::restore(const SavedGeneration& saved) {
  m_prompt->setPlainText(saved.prompt);
  m_tokens->setValue(saved.tokens);
  m_batch->setValue(saved.batch);
  m_seed->setValue(static_cast<int>(saved.seed));
  m_temperature->setValue(saved.temperature);
  m_topK->setValue(saved.topK);
  m_topP->setValue(saved.topP);
  if (m_device->findData(saved.device) < 0) m_device->addItem(saved.device, saved.device);
  m_device->setCurrentIndex(m_device->findData(saved.device));
  setTransformer(saved.transformer);
}

void GenerationControls::refresh() {
  const bool active = m_run.active(), open = m_document.checkpoint() != nullptr;
  const bool failed = std::any_of(m_run.lanes().begin(), m_run.lanes().end(),
                                  [](const Lane& lane) { return lane.phase == Lane::Phase::failed; });
  m_start->setText(!active && failed ? tr("Start again") : tr("Generate"));
  for (QPushButton* button : {m_start, m_sweepStart}) button->setEnabled(!active && open);
  m_pause->setEnabled(active && !m_run.sweeping());
  m_pause->setText(m_run.paused() ? tr("Resume") : tr("Pause"));
  m_cancel->setEnabled(active);
  m_save->setEnabled(!active && !m_run.lanes().empty());
  const bool automatic = m_device->currentData().toString().isEmpty();
  const QString remark = !automatic              ? QString()
                         : m_run.lanes().empty() ? noGpuRemark(m_run.devices())
                                                 : m_run.device().remark;
  m_deviceRemark->setText(remark);
  m_deviceRemark->setToolTip(m_run.device().detail);
  m_deviceRemark->setVisible(!remark.isEmpty() && !m_run.devices().empty());
}

void GenerationControls::restyle() {
  const widgets::Theme theme = widgets::applicationTheme();
  m_deviceRemark->setFont(theme.font(widgets::TextSize::Caption));
  m_deviceRemark->setStyleSheet(QStringLiteral("color: %1;").arg(theme.colour(widgets::Role::MutedText).name()));
  m_prompt->setFont(theme.figures(widgets::TextSize::Body));
}

}  // namespace app
