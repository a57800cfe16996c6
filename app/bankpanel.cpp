#include "app/bankpanel.h"

#include <QComboBox>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QTimer>
#include <QVBoxLayout>
#include <limits>

#include "app/bankimage.h"
#include "widgets/bankplot.h"

namespace app {

namespace {

const QString purpose = QStringLiteral("layer map");

}  // namespace

BankPanel::BankPanel(Document& document, Jobs& jobs, Survey& survey, QWidget* parent)
    : QWidget(parent), m_document(document), m_jobs(jobs), m_survey(survey) {
  m_plot = new widgets::BankPlot;
  m_plot->setEmptyText(tr("Select a filter: its whole layer is drawn here"));
  m_quantity = new QComboBox;
  m_quantity->setObjectName(QStringLiteral("bankQuantity"));
  m_quantity->setAccessibleName(tr("What the layer map shows"));
  m_quantity->addItems({tr("impulse responses |h|"), tr("Hankel singular values")});
  auto* top = new QHBoxLayout;
  top->addStretch();
  top->addWidget(m_quantity);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(8, 0, 8, 8);
  layout->setSpacing(4);
  layout->addLayout(top);
  layout->addWidget(m_plot, 1);
  m_late = new QTimer(this);
  m_late->setSingleShot(true);
  m_late->setInterval(500);
  connect(m_late, &QTimer::timeout, this, &BankPanel::loadSingularValues);
  connect(m_quantity, &QComboBox::currentIndexChanged, this, [this] {
    m_bank = -1;
    load();
  });
  connect(&document, &Document::selectionChanged, this, &BankPanel::follow);
  connect(&document, &Document::opened, this, [this] {
    m_bank = -1;
    m_plot->setValues({}, 0, widgets::BankPlot::Quantity::ImpulseResponse);
  });
  connect(&survey, &Survey::summarised, this, [this] {
    if (isVisible() && m_quantity->currentIndex() == 1 && !m_late->isActive()) m_late->start();
  });
  connect(m_plot, &widgets::BankPlot::channelSelected, this, [this](int channel) {
    if (m_bank >= 0) m_document.select(m_document.row({m_bank, channel}));
  });
  connect(m_plot, &widgets::BankPlot::channelsBrushed, this, &BankPanel::brush);
}

void BankPanel::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  follow();
}

void BankPanel::follow() {
  if (!isVisible() || m_document.selectedRow() < 0) return;
  if (m_document.selection().bank != m_bank) load();
  m_plot->setSelected(m_document.selection().channel);
}

void BankPanel::load() {
  if (!isVisible() || m_document.selectedRow() < 0) return;
  const bool another = m_bank != m_document.selection().bank;
  m_bank = m_document.selection().bank;
  const analysis::Bank& bank = m_document.checkpoint()->banks()[static_cast<std::size_t>(m_bank)];
  m_plot->setTitle(tr("Layer %1: %2 filters").arg(bank.layer).arg(bank.channels));
  m_plot->setProvenance(tr("%1 · %2 · Polecat %3")
                            .arg(QFileInfo(m_document.path()).fileName(), QString::fromStdString(bank.path),
                                 QStringLiteral(POLECAT_VERSION)));
  if (m_quantity->currentIndex() == 1) return loadSingularValues();
  if (another) m_plot->setValues({}, 0, widgets::BankPlot::Quantity::ImpulseResponse);
  loadImpulses();
}

void BankPanel::loadImpulses() {
  const analysis::Bank& bank = m_document.checkpoint()->banks()[static_cast<std::size_t>(m_bank)];
  m_jobs.start(
      purpose, tr("Drawing layer %1").arg(bank.layer), Jobs::Priority::interactive,
      [this, checkpoint = m_document.checkpoint(), bank = m_bank](const analysis::Task& task, const Jobs::Post& post) {
        post([this, bank, image = bankImage(*checkpoint, bank, task)] {
          if (bank != m_bank) return;
          m_plot->setValues(image.values, image.columns, widgets::BankPlot::Quantity::ImpulseResponse);
          follow();
        });
      },
      [this](const QString& sentence) { Q_EMIT failed(sentence); });
}

void BankPanel::loadSingularValues() {
  if (m_bank < 0 || !isVisible() || m_quantity->currentIndex() != 1) return;
  const int channels = m_document.checkpoint()->banks()[static_cast<std::size_t>(m_bank)].channels;
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(channels) * FilterSummary::sigmaCount);
  for (int channel = 0; channel < channels; ++channel) {
    const FilterSummary& summary = m_survey.summary(m_document.row({m_bank, channel}));
    for (const float sigma : summary.sigma)
      values.push_back(summary.fitted ? static_cast<double>(sigma) : std::numeric_limits<double>::quiet_NaN());
  }
  m_plot->setValues(std::move(values), FilterSummary::sigmaCount, widgets::BankPlot::Quantity::SingularValues);
  m_plot->setSelected(m_document.selection().channel);
}

void BankPanel::brush(int first, int last) {
  if (m_bank < 0) return;
  const analysis::Bank& bank = m_document.checkpoint()->banks()[static_cast<std::size_t>(m_bank)];
  QString search = QStringLiteral("layer:%1 ").arg(bank.layer);
  if (bank.operatorsInLayer > 1) search += QStringLiteral("op:%1 ").arg(bank.operatorIndex);
  Q_EMIT brushed(search + QStringLiteral("channel>=%1 channel<=%2").arg(first).arg(last));
}

}  // namespace app
