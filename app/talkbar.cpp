#include "app/talkbar.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QVBoxLayout>

#include "app/format.h"
#include "widgets/bignumber.h"
#include "widgets/format.h"
#include "widgets/theme.h"

namespace app {

TalkBar::TalkBar(Document& document, Analyst& analyst, GenerationRun& run, QWidget* parent)
    : QWidget(parent), m_document(document), m_analyst(analyst), m_run(run) {
  setObjectName(QStringLiteral("talkBar"));
  m_title = new QLabel;
  m_remark = new QLabel;
  m_remark->setWordWrap(true);
  m_order = new widgets::BigNumber(tr("states"));
  m_error = new widgets::BigNumber(tr("error"));
  m_error->setRole(widgets::Role::Distilled);
  m_certificate = new widgets::BigNumber(tr("nobody below"));
  m_certificate->setRole(widgets::Role::Certificate);
  m_speedUp = new widgets::BigNumber(tr("speed-up"));
  m_speedUp->setObjectName(QStringLiteral("talkSpeedUp"));
  m_speedUp->setRole(widgets::Role::Distilled);
  m_memory = new widgets::BigNumber(tr("memory per sequence"));
  m_memory->setRole(widgets::Role::Distilled);
  auto* words = new QVBoxLayout;
  words->setSpacing(0);
  words->addStretch();
  words->addWidget(m_title);
  words->addWidget(m_remark);
  words->addStretch();
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(16, 0, 16, 0);
  layout->addLayout(words, 1);
  for (widgets::BigNumber* number : {m_order, m_error, m_certificate, m_speedUp, m_memory}) layout->addWidget(number);
  connect(&document, &Document::selectionChanged, this, &TalkBar::refresh);
  connect(&analyst, &Analyst::fitted, this, &TalkBar::refresh);
  connect(&analyst, &Analyst::analysed, this, &TalkBar::refresh);
  connect(&run, &GenerationRun::stateChanged, this, &TalkBar::refresh);
  connect(&run, &GenerationRun::progressed, this, &TalkBar::refresh);
  restyle();
  showSpeed(false);
}

void TalkBar::showSpeed(bool speed) {
  m_speed = speed;
  for (widgets::BigNumber* number : {m_order, m_error, m_certificate}) number->setVisible(!speed);
  for (widgets::BigNumber* number : {m_speedUp, m_memory}) number->setVisible(speed);
  refresh();
}

void TalkBar::refresh() {
  if (!isVisible()) return;
  if (m_speed) {
    m_title->setText(tr("Distilled against original"));
    const double ratio = m_run.speedUp();
    m_speedUp->setText(ratio > 0 ? widgets::ratio(ratio) : QStringLiteral("–"));
    if (m_run.lanes().size() < 2) {
      m_memory->setText(QStringLiteral("–"));
      return m_remark->setText(tr("Ctrl+Return generates"));
    }
    const Lane &original = m_run.lanes()[0], &distilled = m_run.lanes()[1];
    const double smaller = original.bytesAt(original.capacityTokens) / distilled.bytesAt(distilled.capacityTokens);
    m_memory->setText(tr("1/%1").arg(widgets::number(smaller, 2)));
    return m_remark->setText(m_run.provenance());
  }
  const int row = m_document.selectedRow();
  const auto fit = m_analyst.fit();
  if (row < 0 || !fit) return;
  m_title->setText(tr("Filter %1").arg(m_document.filterName(row)));
  const int order = fit->fit->model.order();
  m_remark->setText(tr("instead of %1 taps").arg(widgets::count(static_cast<long long>(fit->filter->taps.size()))));
  m_order->setText(QString::number(order));
  m_error->setText(percent(fit->quality.errorRelative));
  const auto known = m_analyst.current();
  const bool certified = known && known->certificate && fit->order < static_cast<int>(known->certificate->error.size());
  const double bound = certified ? known->certificate->error[static_cast<std::size_t>(fit->order)] : 0;
  m_certificate->setText(!certified ? QStringLiteral("–") : bound == 0 ? tr("10⁻⁷") : percent(bound));
}

bool TalkBar::event(QEvent* event) {
  if (event->type() == widgets::themeChangeEvent()) restyle();
  if (event->type() == QEvent::Show) QMetaObject::invokeMethod(this, &TalkBar::refresh, Qt::QueuedConnection);
  return QWidget::event(event);
}

void TalkBar::restyle() {
  const widgets::Theme theme = widgets::applicationTheme();
  m_title->setFont(theme.font(widgets::TextSize::Large, QFont::DemiBold));
  m_remark->setFont(theme.font(widgets::TextSize::Caption));
}

}  // namespace app
