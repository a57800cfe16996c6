#include "app/settingspanel.h"

#include <QComboBox>
#include <QHeaderView>
#include <QLabel>
#include <QSignalBlocker>
#include <QSplitter>
#include <QTableWidget>
#include <QVBoxLayout>
#include <cmath>
#include <utility>

#include "app/format.h"
#include "widgets/format.h"
#include "widgets/theme.h"

namespace app {

namespace {

QTableWidget* table(const QString& objectName, const QString& accessible, const QStringList& headers) {
  auto* made = new QTableWidget(0, static_cast<int>(headers.size()));
  made->setObjectName(objectName);
  made->setAccessibleName(accessible);
  made->setHorizontalHeaderLabels(headers);
  made->setEditTriggers(QAbstractItemView::NoEditTriggers);
  made->setSelectionBehavior(QAbstractItemView::SelectRows);
  made->setSelectionMode(QAbstractItemView::SingleSelection);
  made->setShowGrid(false);
  made->setTabKeyNavigation(false);
  made->verticalHeader()->hide();
  made->horizontalHeader()->setHighlightSections(false);
  made->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  return made;
}

QString originText(analysis::Origin origin) {
  switch (origin) {
    case analysis::Origin::shapes:
      return QObject::tr("shapes");
    case analysis::Origin::tensors:
      return QObject::tr("tensors");
    case analysis::Origin::configuration:
      return QObject::tr("configuration");
    case analysis::Origin::fallback:
      return QObject::tr("default");
    case analysis::Origin::choice:
      return QObject::tr("your choice");
  }
  return {};
}

}  // namespace

SettingsPanel::SettingsPanel(Document& document, Jobs& jobs, QWidget* parent)
    : QWidget(parent), m_document(document), m_jobs(jobs) {
  m_settings = table(QStringLiteral("settingsTable"), tr("Settings of the file"),
                     {tr("Setting"), tr("Value"), tr("From"), tr("Remark")});
  m_readings = table(QStringLiteral("readingsTable"), tr("The selected filter under each value of the setting"),
                     {tr("Reading"), tr("Energy"), tr("Effective length"), tr("Zero taps"), tr("Difference"), tr("Skip")});
  for (int column = energy; column < readingColumns; ++column)
    m_readings->horizontalHeaderItem(column)->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
  m_title = new QLabel;
  m_title->setObjectName(QStringLiteral("readingsTitle"));
  m_title->setWordWrap(true);
  auto* comparison = new QWidget;
  auto* beside = new QVBoxLayout(comparison);
  beside->setContentsMargins(0, 0, 0, 0);
  beside->addWidget(m_title);
  beside->addWidget(m_readings, 1);
  m_report = new ReportList;
  auto* splitter = new QSplitter(Qt::Horizontal);
  splitter->addWidget(m_settings);
  splitter->addWidget(comparison);
  splitter->addWidget(m_report);
  splitter->setStretchFactor(0, 3);
  splitter->setStretchFactor(1, 2);
  splitter->setStretchFactor(2, 2);
  splitter->setChildrenCollapsible(false);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(8, 8, 8, 8);
  layout->addWidget(splitter);
  connect(&document, &Document::opened, this, [this] {
    m_isStale = true;
    fill();
  });
  connect(&document, &Document::selectionChanged, this, &SettingsPanel::compare);
  connect(m_settings, &QTableWidget::currentCellChanged, this, [this](int row, int, int before, int) {
    if (row != before) compare();
  });
  restyle();
}

// While nobody looks, a selection must not wait for readings of the file.
void SettingsPanel::fill() {
  if (!isVisible() || !std::exchange(m_isStale, false)) return compare();
  const QString kept = m_settings->currentRow() >= 0 && m_settings->item(m_settings->currentRow(), name)
                           ? m_settings->item(m_settings->currentRow(), name)->text()
                           : QString();
  const QSignalBlocker quiet(m_settings);
  m_settings->setRowCount(0);
  m_report->tell(m_document.checkpoint().get());
  if (!m_document.checkpoint()) return;
  const auto& settings = m_document.checkpoint()->report().settings;
  m_settings->setRowCount(static_cast<int>(settings.size()));
  int current = -1;
  for (int row = 0; row < m_settings->rowCount(); ++row) {
    const analysis::Setting& setting = settings[static_cast<std::size_t>(row)];
    const QString title = QString::fromStdString(setting.name);
    const auto put = [&](int column, const QString& text) {
      m_settings->setItem(row, column, new QTableWidgetItem(text));
    };
    put(name, title);
    put(value, QString::fromStdString(setting.value));
    put(origin, originText(setting.origin));
    put(remark, QString::fromStdString(setting.remark));
    if (title == kept || (current < 0 && !setting.alternatives.empty())) current = row;
    if (setting.alternatives.empty()) continue;
    auto* box = new QComboBox;
    box->setObjectName(QStringLiteral("setting ") + title);
    box->setAccessibleName(title);
    box->addItem(QString::fromStdString(setting.value));
    for (const std::string& other : setting.alternatives) {
      if (other != setting.value) box->addItem(QString::fromStdString(other));
    }
    if (setting.origin == analysis::Origin::choice) box->addItem(tr("as the file has it"));
    connect(box, &QComboBox::activated, this, [this, box, title](int index) {
      if (index == 0) return;
      const bool back = box->itemText(index) == tr("as the file has it");
      choose(title, back ? QString() : box->itemText(index));
    });
    m_settings->setCellWidget(row, value, box);
  }
  if (current >= 0) m_settings->setCurrentCell(current, name);
  m_settings->resizeColumnsToContents();
  m_settings->horizontalHeader()->setStretchLastSection(true);
  compare();
}

void SettingsPanel::choose(const QString& setting, const QString& text) {
  analysis::Choices choices = m_document.choices();
  if (text.isEmpty()) {
    choices.erase(setting.toStdString());
  } else {
    choices[setting.toStdString()] = text.toStdString();
  }
  m_document.reread(choices);
}

void SettingsPanel::compare() {
  const int row = m_settings->currentRow();
  const auto checkpoint = m_document.checkpoint();
  m_readings->setRowCount(0);
  m_jobs.cancel(QStringLiteral("readings"));
  if (!isVisible()) return;
  const bool any = checkpoint && row >= 0 && m_document.selectedRow() >= 0;
  if (!any || checkpoint->report().settings[static_cast<std::size_t>(row)].alternatives.empty()) {
    m_title->setText(
        tr("Settings with a list can be read otherwise; choose one to see what it does to the selected "
           "filter."));
    return;
  }
  const std::string setting = checkpoint->report().settings[static_cast<std::size_t>(row)].name;
  const analysis::FilterId id = m_document.selection();
  m_title->setText(tr("Filter %1 under each reading of \"%2\"")
                       .arg(m_document.filterName(m_document.selectedRow()), QString::fromStdString(setting)));
  m_jobs.start(
      QStringLiteral("readings"), tr("Comparing readings"), Jobs::Priority::interactive,
      [this, checkpoint, setting, id, choices = m_document.choices()](const analysis::Task& task,
                                                                      const Jobs::Post& post) {
        auto found = analysis::readings(*checkpoint, choices, setting, id, task);
        post([this, found = std::move(found)] { showReadings(found); });
      },
      [this](const QString& sentence) { Q_EMIT failed(sentence); });
}

void SettingsPanel::showReadings(const std::vector<analysis::Reading>& found) {
  m_readings->setRowCount(static_cast<int>(found.size()));
  for (int row = 0; row < m_readings->rowCount(); ++row) {
    const analysis::Reading& one = found[static_cast<std::size_t>(row)];
    const auto put = [&](int column, const QString& text) {
      auto* item = new QTableWidgetItem(text);
      if (column != reading) item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
      if (!one.problem.empty()) item->setToolTip(QString::fromStdString(one.problem));
      m_readings->setItem(row, column, item);
    };
    const QString said = QString::fromStdString(one.value);
    put(reading, one.inForce ? tr("%1 (in force)").arg(said) : said);
    if (!one.problem.empty()) {
      put(energy, tr("no result"));
      continue;
    }
    put(energy, QString::number(one.statistics.energy, 'g', 6));
    put(length,
        tr("%1 of %2").arg(widgets::count(one.statistics.effectiveLengthSamples), widgets::count(one.lengthSamples)));
    put(zeros, widgets::count(one.zeroTaps));
    put(difference, one.inForce ? QStringLiteral("–") : percent(one.differenceRelative));
    put(skip, QString::number(one.skip, 'g', 4));
  }
  m_readings->resizeColumnsToContents();
}

bool SettingsPanel::event(QEvent* event) {
  if (event->type() == widgets::themeChangeEvent()) restyle();
  if (event->type() == QEvent::Show) fill();
  return QWidget::event(event);
}

void SettingsPanel::restyle() {
  const widgets::Theme theme = widgets::applicationTheme();
  for (QTableWidget* each : {m_settings, m_readings, static_cast<QTableWidget*>(m_report)}) {
    each->setFont(theme.figures(widgets::TextSize::Body));
    each->horizontalHeader()->setFont(theme.font(widgets::TextSize::Caption));
    each->verticalHeader()->setDefaultSectionSize(theme.space(7));
  }
  m_settings->setMinimumHeight(theme.space(36));
}

}  // namespace app
