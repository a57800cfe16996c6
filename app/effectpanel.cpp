#include "app/effectpanel.h"

#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QSpinBox>
#include <QTableWidget>
#include <QVBoxLayout>
#include <cmath>
#include <limits>
#include <numbers>

#include "app/resources.h"
#include "widgets/bignumber.h"
#include "widgets/effectplot.h"
#include "widgets/format.h"
#include "widgets/theme.h"

namespace app {

EffectPanel::EffectPanel(Document& document, EffectStudy& study, QWidget* parent)
    : QWidget(parent), m_document(document), m_study(study) {
  m_original = new widgets::BigNumber(tr("original"));
  m_original->setUnit(tr("bits/token"));
  m_original->setRole(widgets::Role::Original);
  m_added = new widgets::BigNumber(tr("this plan adds"));
  m_added->setUnit(tr("bits/token"));
  m_added->setRole(widgets::Role::Distilled);
  m_kl = new widgets::BigNumber(tr("KL to the original"));
  m_kl->setUnit(tr("bits/token"));
  m_kl->setRole(widgets::Role::Residual);
  m_states = new widgets::BigNumber(tr("states of the plan"));
  m_remark = new QLabel;
  m_remark->setObjectName(QStringLiteral("effectRemark"));
  m_remark->setWordWrap(true);
  auto* numbers = new QHBoxLayout;
  numbers->setSpacing(16);
  for (widgets::BigNumber* number : {m_original, m_added, m_kl, m_states}) numbers->addWidget(number);
  numbers->addWidget(m_remark, 1);

  m_plot = new widgets::EffectPlot;
  m_layers = new QTableWidget(0, 4);
  m_layers->setObjectName(QStringLiteral("effectLayers"));
  m_layers->setAccessibleName(tr("Effect of each layer alone"));
  m_layers->setHorizontalHeaderLabels({tr("Layer alone"), tr("States"), tr("Bits added"), tr("KL")});
  for (int column = 0; column < 4; ++column)
    m_layers->horizontalHeaderItem(column)->setTextAlignment((column == 0 ? Qt::AlignLeft : Qt::AlignRight) |
                                                             Qt::AlignVCenter);
  m_layers->setToolTip(tr("One layer replaced by its models, all others original"));
  m_layers->setEditTriggers(QAbstractItemView::NoEditTriggers);
  m_layers->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_layers->setShowGrid(false);
  m_layers->hide();
  m_layers->setTabKeyNavigation(false);
  m_layers->verticalHeader()->hide();
  m_layers->horizontalHeader()->setHighlightSections(false);
  m_layers->horizontalHeader()->setSectionResizeMode(0, QHeaderView::Stretch);
  auto* middle = new QHBoxLayout;
  middle->setSpacing(8);
  middle->addWidget(m_plot, 3);
  middle->addWidget(m_layers, 2);
  m_provenance = new QLabel;
  m_provenance->setObjectName(QStringLiteral("effectProvenance"));
  auto* foot = new QHBoxLayout;
  foot->addStretch();
  foot->addWidget(m_provenance);
  auto* right = new QVBoxLayout;
  right->setSpacing(8);
  right->addLayout(numbers);
  right->addLayout(middle, 1);
  right->addLayout(foot);
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(8, 8, 8, 8);
  layout->setSpacing(8);
  m_controls = buildControls();
  layout->addWidget(m_controls);
  layout->addLayout(right, 1);
  connect(&study, &EffectStudy::changed, this, &EffectPanel::refresh);
  connect(m_plot, &widgets::EffectPlot::pointChosen, this, [this](int index) {
    const double states = m_plot->points()[static_cast<std::size_t>(index)].states;
    for (const PlanEffect& uniform : m_study.uniform())
      if (static_cast<double>(uniform.states) == states) m_study.takeUniform(uniform.order);
  });
  setText(QString::fromStdString(resource("sample/novels-validation.txt").string()));
  restyle();
}

void EffectPanel::setTalking(bool on) {
  m_talking = on;
  for (QWidget* small : {m_controls, static_cast<QWidget*>(m_kl), static_cast<QWidget*>(m_remark)})
    small->setVisible(!on);
  m_layers->setVisible(!on && m_layers->rowCount() > 0);
}

QWidget* EffectPanel::buildControls() {
  m_textButton = new QPushButton;
  m_textButton->setObjectName(QStringLiteral("effectText"));
  m_textButton->setAccessibleName(tr("Text to predict"));
  connect(m_textButton, &QPushButton::clicked, this, &EffectPanel::chooseText);
  m_windows = new QSpinBox;
  m_windows->setRange(1, 4096);
  m_windows->setValue(4);
  m_windows->setObjectName(QStringLiteral("effectWindows"));
  m_windows->setAccessibleName(tr("Windows"));
  m_windows->setToolTip(tr("Windows of the model's training length, from the start of the text, no overlap"));
  m_tolerance = new QDoubleSpinBox;
  m_tolerance->setDecimals(4);
  m_tolerance->setRange(0, 10);
  m_tolerance->setSingleStep(0.005);
  m_tolerance->setValue(0.01);
  m_tolerance->setObjectName(QStringLiteral("effectTolerance"));
  m_tolerance->setAccessibleName(tr("Bits per token that may be lost"));
  m_tolerance->setToolTip(m_tolerance->accessibleName());
  m_measure = new QPushButton(tr("Measure"));
  m_measure->setObjectName(QStringLiteral("effectMeasure"));
  m_measure->setDefault(true);
  m_measure->setToolTip(tr("The plan, each layer alone, and uniform orders, on this text"));
  m_choose = new QPushButton(tr("Smallest plan within"));
  m_choose->setObjectName(QStringLiteral("effectChoose"));
  m_choose->setToolTip(tr("Search the fewest states whose measured loss stays within the tolerance, and take them"));
  m_cancel = new QPushButton(tr("Cancel"));
  m_cancel->setObjectName(QStringLiteral("effectCancel"));
  connect(m_measure, &QPushButton::clicked, this, &EffectPanel::measure);
  connect(m_choose, &QPushButton::clicked, this, &EffectPanel::choosePlan);
  connect(m_cancel, &QPushButton::clicked, &m_study, &EffectStudy::cancel);
  connect(m_tolerance, &QDoubleSpinBox::valueChanged, this, &EffectPanel::refresh);
  auto* form = new QFormLayout;
  form->setSpacing(8);
  form->setLabelAlignment(Qt::AlignRight | Qt::AlignVCenter);
  form->addRow(tr("Windows"), m_windows);
  form->addRow(tr("May lose"), m_tolerance);
  auto* column = new QVBoxLayout;
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(8);
  column->addWidget(m_textButton);
  column->addLayout(form);
  column->addWidget(m_measure);
  column->addWidget(m_choose);
  column->addWidget(m_cancel);
  column->addStretch();
  auto* holder = new QWidget;
  holder->setLayout(column);
  holder->setFixedWidth(240);
  return holder;
}

EffectSettings EffectPanel::settings() const {
  return {m_text, m_windows->value(), m_tolerance->value()};
}

SavedEffect EffectPanel::controls() const {
  const bool sample = m_text == QString::fromStdString(resource("sample/novels-validation.txt").string());
  return {sample ? QString() : m_text, m_windows->value(), m_tolerance->value()};
}

void EffectPanel::restore(const SavedEffect& saved) {
  setText(saved.text.isEmpty() ? QString::fromStdString(resource("sample/novels-validation.txt").string()) : saved.text);
  m_windows->setValue(saved.windows);
  m_tolerance->setValue(saved.toleranceBits);
}

void EffectPanel::chooseText() {
  const QString path = QFileDialog::getOpenFileName(this, tr("A text to predict"), QFileInfo(m_text).absolutePath(),
                                                    tr("Texts (*.txt *.md *.fa *.fasta);;All files (*)"));
  if (!path.isEmpty()) setText(path);
}

void EffectPanel::setText(const QString& path) {
  m_text = path;
  m_textButton->setText(QFileInfo(path).fileName());
  m_textButton->setToolTip(tr("%1\nClick to choose another text").arg(path));
  refresh();
}

void EffectPanel::measure() {
  m_study.measure(settings());
}

void EffectPanel::choosePlan() {
  m_study.choosePlan(settings());
}

void EffectPanel::refresh() {
  if (!isVisible()) return;  // an order step must not wait for what nobody sees
  const bool active = m_study.active(), isOpen = m_document.checkpoint() != nullptr;
  m_measure->setEnabled(isOpen && !active);
  m_choose->setEnabled(isOpen && !active);
  m_plot->setEmptyText(active ? tr("Predicting the text with every order…")
                              : tr("Ctrl+M measures: every order for all filters, evaluated on the text"));
  m_choose->setText(tr("Smallest plan within %1 bits").arg(m_tolerance->value()));
  m_cancel->setEnabled(active);
  const auto bits = [](double value) {
    const QString size = QString::number(std::abs(value), 'f', 4);
    return value < 0 && size != QStringLiteral("0.0000") ? u'−' + size : size;
  };
  const auto original = m_study.originalBits();
  m_original->setText(original ? bits(*original) : QStringLiteral("–"));
  const auto& plan = m_study.plan();
  m_added->setText(plan ? (plan->addedBits >= 0 ? QStringLiteral("+") : QString()) + bits(plan->addedBits)
                        : QStringLiteral("–"));
  m_kl->setText(plan ? bits(plan->klBits) : QStringLiteral("–"));
  m_states->setText(plan ? widgets::count(plan->states) : QStringLiteral("–"));
  m_remark->setText(!plan             ? QString()
                    : m_study.stale() ? tr("Orders have changed since; measure again.")
                                      : tr("± %1 over the windows; the same most likely token at %2 % of the positions")
                                            .arg(widgets::number(plan->spreadBits, 2))
                                            .arg(100 * plan->topOneAgreement, 0, 'f', 1));
  m_provenance->setText(m_study.provenance());
  std::vector<widgets::EffectPoint> points;
  for (const PlanEffect& uniform : m_study.uniform())
    points.push_back({static_cast<double>(uniform.states), uniform.addedBits, uniform.klBits});
  m_plot->setProvenance(m_study.provenance());
  m_plot->setTolerance(m_tolerance->value());
  m_plot->setCurrentStates(isOpen ? std::optional<double>(static_cast<double>(m_document.totalStates())) : std::nullopt);
  m_plot->setPoints(std::move(points));
  const auto& layers = m_study.layers();
  m_layers->setRowCount(static_cast<int>(layers.size()));
  m_layers->setVisible(!layers.empty() && !m_talking);  // an empty table says nothing
  for (int row = 0; row < m_layers->rowCount(); ++row) {
    const engine::BankEffect& layer = layers[static_cast<std::size_t>(row)];
    const QString path = QString::fromStdString(layer.path);
    QString name = path;
    for (const analysis::Bank& bank : m_document.checkpoint()->banks())
      if (bank.path == layer.path)
        name = bank.operatorsInLayer > 1 ? tr("layer %1, operator %2").arg(bank.layer).arg(bank.operatorIndex)
                                         : tr("layer %1").arg(bank.layer);
    // The font of the figures has no narrow space: another's would stand on a line of its own.
    const QString texts[] = {name, widgets::count(layer.states).replace(QChar(0x202f), QChar(QChar::Nbsp)),
                             tr("%1 ± %2").arg(bits(layer.loss.bits), bits(layer.loss.spreadBits)),
                             bits(layer.klPerToken / std::numbers::ln2)};
    for (int column = 0; column < 4; ++column) {
      auto* item = new QTableWidgetItem(texts[column]);
      item->setTextAlignment((column == 0 ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
      item->setToolTip(path);
      m_layers->setItem(row, column, item);
    }
  }
  for (int column = 1; column < m_layers->columnCount(); ++column) m_layers->resizeColumnToContents(column);
}

bool EffectPanel::event(QEvent* event) {
  if (event->type() == widgets::themeChangeEvent()) restyle();
  if (event->type() == QEvent::Show) QMetaObject::invokeMethod(this, &EffectPanel::refresh, Qt::QueuedConnection);
  return QWidget::event(event);
}

void EffectPanel::restyle() {
  const widgets::Theme theme = widgets::applicationTheme();
  for (QLabel* label : {m_remark, m_provenance}) {
    label->setFont(theme.font(widgets::TextSize::Caption));
    label->setStyleSheet(QStringLiteral("color: %1;").arg(theme.colour(widgets::Role::MutedText).name()));
  }
  m_layers->setFont(theme.figures(widgets::TextSize::Body));
  m_layers->horizontalHeader()->setFont(theme.font(widgets::TextSize::Body));
  m_layers->verticalHeader()->setDefaultSectionSize(theme.space(6));
}

}  // namespace app
