#include "app/fitstrip.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QVBoxLayout>
#include <numbers>

#include "app/format.h"
#include "widgets/format.h"
#include "widgets/theme.h"

namespace app {

FitStrip::FitStrip(Document& document, Analyst& analyst, QWidget* parent)
    : QWidget(parent), m_document(document), m_analyst(analyst) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(12, 4, 12, 4);
  column->setSpacing(4);
  m_row = new QHBoxLayout;
  m_row->setSpacing(16);
  m_story = new ValueLabel(0);
  m_story->setObjectName(QStringLiteral("story"));
  m_story->setAccessibleName(tr("What the order means"));
  m_story->hide();
  column->addLayout(m_row);
  column->addWidget(m_story);
  m_name = new ValueLabel(15);
  m_order = new QSpinBox;
  m_order->setObjectName(QStringLiteral("orderBox"));
  m_order->setRange(0, Document::maxOrder);
  m_order->setKeyboardTracking(false);
  m_order->setAccessibleName(tr("Order of the selected filter"));
  m_order->setToolTip(tr("Real states this filter keeps; a conjugate pair counts 2"));
  auto* orderLabel = new QLabel(tr("Order"));
  orderLabel->setBuddy(m_order);
  m_row->addWidget(m_name);
  m_row->addWidget(orderLabel);
  m_row->addWidget(m_order);
  m_modes = addCell(tr("complex modes"), tr("Poles counted as papers do that take the real part of complex modes"), 3);
  m_error = addCell(tr("error"), tr("‖h − ĥ‖ / ‖h‖ on the window; without the exact first tap in the tool tip"), 11);
  m_certificate = addCell(tr("nobody below"),
                          tr("Certificate: no recurrence of this order, whatever the method, has a smaller error"), 11);
  m_ratio = addCell(tr("× best possible"),
                    tr("Error over certificate: at most this many times the best any recurrence could do"), 6);
  m_lag = addCell(tr("worst tap"), tr("max |h − ĥ| / max |h|, and the lag where it is"), 16);
  m_hinf = addCell(tr("worst frequency"), tr("max |H − Ĥ| / max |H|, and the frequency where it is"), 18);
  m_beyond =
      addCell(tr("beyond window"),
              tr("‖ĥ‖ after the last tap of the filter, relative to ‖h‖; “no decay” where it is more than tenfold"), 9);
  m_radius = addCell(tr("largest |λ|"), tr("Spectral radius of the fit; below 1 is stable"), 9);
  m_row->addStretch();

  connect(m_order, &QSpinBox::valueChanged, this, &FitStrip::orderChosen);
  connect(&analyst, &Analyst::fitted, this, &FitStrip::refresh);
  connect(&analyst, &Analyst::analysed, this, &FitStrip::refresh);
  connect(&document, &Document::selectionChanged, this, &FitStrip::refresh);
  restyle();
  refresh();
}

FitStrip::Cell FitStrip::addCell(const QString& caption, const QString& explanation, int characters) {
  Cell cell{new QLabel(caption), new ValueLabel(characters)};
  cell.caption->setToolTip(explanation);
  cell.value->setToolTip(explanation);
  cell.value->setAccessibleName(caption);
  auto* column = new QVBoxLayout;
  column->setSpacing(0);
  column->addWidget(cell.caption);
  column->addWidget(cell.value);
  m_row->addLayout(column);
  m_cells << cell;
  return cell;
}

void FitStrip::setStoryVisible(bool visible) {
  m_story->setVisible(visible);
}

void FitStrip::tellMode(const QString& sentence) {
  m_mode = sentence;
  m_story->setText(m_mode.isEmpty() ? story() : m_mode);
}

QString FitStrip::story() const {
  const auto fit = m_analyst.fit();
  if (!fit) return {};
  const int order = fit->fit->model.order();
  const QString taps = widgets::count(static_cast<long long>(fit->filter->taps.size()));
  const int modes = fit->fit->model.complexModes();
  QString text = order == 1 ? tr("1 state stands for %1 taps").arg(taps)
                            : tr("%1 states stand for %2 taps").arg(order).arg(taps);
  const QString off = percent(fit->quality.errorRelative);
  text += modes == 1 ? tr(": one fading mode, %1 off. ").arg(off)
                     : tr(": a sum of %1 fading modes, %2 off. ").arg(modes).arg(off);
  const auto known = m_analyst.current();
  const bool certified = known && known->certificate && fit->order < static_cast<int>(known->certificate->error.size());
  const double bound = certified ? known->certificate->error[static_cast<std::size_t>(fit->order)] : 0;
  if (bound > 0) text += tr("No model of order %1, by any method, comes nearer than %2. ").arg(order).arg(percent(bound));
  return text + tr("Drag the order; point at a pole to see its mode.");
}

void FitStrip::refresh() {
  const int row = m_document.selectedRow();
  setEnabled(row >= 0);
  if (row < 0) {
    m_name->setText(tr("No filter"));
    m_story->setText({});
    for (const Cell& cell : std::as_const(m_cells)) cell.value->setText(QStringLiteral("–"));
    return;
  }
  m_name->setText(tr("Filter %1").arg(m_document.filterName(row)));
  {
    const QSignalBlocker quiet(m_order);
    m_order->setValue(m_analyst.shownOrder());
  }
  const auto fit = m_analyst.fit();
  const auto known = m_analyst.current();
  const auto set = [](const Cell& cell, const QString& text) { cell.value->setText(text); };
  if (!fit) {
    for (const Cell& cell : std::as_const(m_cells)) set(cell, QStringLiteral("–"));
    return;
  }
  const analysis::FitQuality& q = fit->quality;
  const double bound = known && known->certificate && fit->order < static_cast<int>(known->certificate->error.size())
                           ? known->certificate->error[static_cast<std::size_t>(fit->order)]
                           : std::numeric_limits<double>::quiet_NaN();
  set(m_modes, QString::number(fit->fit->model.complexModes()));
  set(m_error, percent(q.errorRelative));
  m_error.value->setToolTip(
      tr("‖h − ĥ‖ / ‖h‖ = %1; without the exact first tap %2; by %3")
          .arg(percent(q.errorRelative), percent(q.errorTailRelative), QString::fromStdString(fit->fit->method)));
  set(m_certificate, bound == 0 ? tr("< 10⁻⁷") : percent(bound));
  set(m_ratio, bound > 0 ? QString::number(q.errorRelative / bound, 'f', 2) : QStringLiteral("–"));
  set(m_lag, tr("%1 at %2").arg(percent(q.errorMaxRelative)).arg(q.worstLagSamples));
  set(m_hinf, tr("%1 at %2 π").arg(percent(q.errorHinfRelative)).arg(q.worstFrequency / std::numbers::pi, 0, 'f', 3));
  // A pole at the rim holds its value for ever: a figure in percent would say less than the word.
  set(m_beyond, q.beyondWindowRelative > 10     ? tr("no decay")
                : q.beyondWindowRelative < 1e-5 ? tr("< 0.001 %")  // a power of ten would not fit
                                                : percent(q.beyondWindowRelative));
  set(m_radius, QString::number(q.spectralRadius, 'f', 6));
  tellMode(m_mode);
}

bool FitStrip::event(QEvent* event) {
  if (event->type() == widgets::themeChangeEvent()) restyle();
  return QWidget::event(event);
}

void FitStrip::restyle() {
  using widgets::TextSize;
  const widgets::Theme theme = widgets::applicationTheme();
  m_name->setFont(theme.font(TextSize::Title, QFont::DemiBold));
  m_story->setFont(theme.font(TextSize::Body));
  const QFont figures = theme.figures(TextSize::Body, QFont::DemiBold);
  for (const Cell& cell : std::as_const(m_cells)) {
    cell.caption->setFont(theme.font(TextSize::Caption));
    cell.caption->setStyleSheet(QStringLiteral("color: %1;").arg(theme.colour(widgets::Role::MutedText).name()));
    cell.value->setFont(figures);
  }
}

}  // namespace app
