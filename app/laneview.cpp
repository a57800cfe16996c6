#include "app/laneview.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QScreen>
#include <QScrollBar>
#include <QTextBlock>
#include <QVBoxLayout>

#include "widgets/bignumber.h"
#include "widgets/format.h"

namespace app {

namespace {

QString phaseText(Lane::Phase phase) {
  switch (phase) {
    case Lane::Phase::waiting:
      return LaneView::tr("waiting");
    case Lane::Phase::prefill:
      return LaneView::tr("reading the prompt");
    case Lane::Phase::decode:
      return {};
    case Lane::Phase::finished:
      return LaneView::tr("finished");
    case Lane::Phase::stopped:
      return LaneView::tr("cancelled");
    case Lane::Phase::failed:
      return LaneView::tr("failed");
  }
  return {};
}

QString milliseconds(double seconds) {
  return QString::number(1e3 * seconds, 'f', seconds < 0.001 ? 3 : seconds < 0.01 ? 2 : 1);
}

}  // namespace

LaneView::LaneView(widgets::Role role, QWidget* parent) : QFrame(parent), m_role(role) {
  setObjectName(QStringLiteral("lane"));
  m_name = new QLabel;
  m_remark = new QLabel;
  m_rate = new widgets::BigNumber(tr("tokens/s"));
  m_rate->setRole(role);
  m_times = new QLabel;
  m_memory = new QLabel;
  // Numbers of three lanes must not make the window wider than a screen.
  for (QLabel* label : {m_remark, m_times, m_memory}) {
    label->setWordWrap(true);
    label->setMinimumWidth(80);
    label->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  }
  m_text = new QPlainTextEdit;
  m_text->setReadOnly(true);
  m_text->setUndoRedoEnabled(false);

  auto* title = new QHBoxLayout;
  title->setSpacing(8);
  title->addWidget(m_name);
  title->addWidget(m_remark, 1);
  auto* figures = new QVBoxLayout;
  figures->setSpacing(2);
  figures->addWidget(m_times);
  figures->addWidget(m_memory);
  auto* numbers = new QHBoxLayout;
  numbers->setSpacing(16);
  numbers->addWidget(m_rate);
  numbers->addLayout(figures, 1);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(12, 8, 12, 12);
  layout->setSpacing(4);
  layout->addLayout(title);
  layout->addLayout(numbers);
  layout->addWidget(m_text, 1);
  restyle();
}

void LaneView::clear(const QString& name, const QString& hint) {
  m_name->setText(name);
  m_remark->clear();
  m_rate->setCaption(caption());
  m_rate->setValue({});
  m_rate->setRatio({});
  m_times->setText(QStringLiteral("–"));
  m_memory->setText(QStringLiteral("–"));
  m_text->clear();
  m_text->setPlaceholderText(hint);
  m_text->viewport()->update();  // a longer hint before would stand out below this one
  m_text->setAccessibleName(tr("Text of the lane %1").arg(name));
  m_prompt.clear();
  m_shownBytes = 0;
  m_identicalBytes = -1;
}

void LaneView::show(const Lane& lane, const QString& prompt, int batch, int identicalBytes,
                    std::optional<double> ratio) {
  m_name->setText(lane.name);
  const QString phase = phaseText(lane.phase);
  m_remark->setText(phase.isEmpty() ? lane.remark : tr("%1 · %2").arg(lane.remark, phase));
  const double rate = lane.rate(batch);
  m_rate->setCaption(caption());
  if (rate >= 1000)
    m_rate->setText(widgets::count(qRound64(rate)));
  else if (rate > 0)
    m_rate->setValue(rate);
  m_rate->setRatio(ratio);
  if (!lane.tokenSeconds.empty()) {
    m_times->setText(
        tr("p50 %1 ms  p99 %2 ms").arg(milliseconds(lane.medianSeconds()), milliseconds(lane.percentileSeconds(0.99))));
    m_times->setToolTip(tr("Half, and 99 of 100, tokens took at most this long; the prompt took %1 ms")
                            .arg(milliseconds(lane.prefillSeconds)));
  }
  m_memory->setText(tr("%1/sequence").arg(widgets::bytes(lane.bytesAt(lane.capacityTokens))));
  m_memory->setToolTip(
      tr("State and cache of one sequence at the end of the context; besides it %1 of tables and %2 of "
         "weights, shared by all sequences")
          .arg(widgets::bytes(static_cast<double>(lane.memory.tableBytes)),
               widgets::bytes(static_cast<double>(lane.memory.weightBytes))));
  if (lane.phase == Lane::Phase::failed) {
    m_text->setPlainText(lane.error);
    return;
  }
  appendText(lane, prompt);
  markIdentical(identicalBytes);
}

void LaneView::showSweep(const Lane& lane) {
  clear(lane.name, tr("Measuring…"));
  m_remark->setText(tr("%1 · batch sweep").arg(lane.remark));
  QStringList lines;
  for (const SweepPoint& point : lane.sweep)
    lines << tr("batch %1  %2 tokens/s").arg(point.batch, 5).arg(qRound64(point.tokensPerSecond), 8);
  if (!lane.sweepEnd.isEmpty()) lines << lane.sweepEnd;
  if (const SweepPoint* best = lane.bestBatch()) {
    const bool millions = best->tokensPerSecond >= 1e6;
    m_rate->setCaption(millions ? tr("million tokens/s") : caption());
    m_rate->setValue(millions ? best->tokensPerSecond / 1e6 : best->tokensPerSecond);
    m_times->setText(tr("at batch %1").arg(widgets::count(best->batch)));
  }
  m_memory->setText(tr("%1/sequence").arg(widgets::bytes(lane.bytesAt(lane.capacityTokens))));
  QTextCharFormat plain;
  plain.setForeground(widgets::applicationTheme().colour(widgets::Role::Text));
  QTextCursor(m_text->document()).insertText(lines.join(u'\n'), plain);
}

void LaneView::setTextVisible(bool visible) {
  m_text->setVisible(visible);
}

void LaneView::sizeText() {
  // A small projector has room for one line below the numbers and above the curves.
  const int lines = !m_talking ? 2 : screen()->size().height() < 900 ? 1 : 3;
  const int height = lines * QFontMetrics(m_text->font()).lineSpacing() + widgets::applicationTheme().space(5);
  m_text->setMinimumHeight(height);
  m_text->setMaximumHeight(m_talking ? height : QWIDGETSIZE_MAX);
}

QString LaneView::caption() const {
  return m_talking ? tr("%1, tokens/s").arg(m_name->text()) : tr("tokens/s");
}

void LaneView::setTalking(bool on) {
  m_talking = on;
  sizeText();
  for (QLabel* small : {m_name, m_remark, m_times, m_memory}) small->setVisible(!on);
  m_rate->setCaption(caption());
}

void LaneView::appendText(const Lane& lane, const QString& prompt) {
  if (prompt != m_prompt || lane.text.size() < m_shownBytes || m_text->document()->isEmpty()) {
    m_text->clear();
    m_prompt = prompt;
    m_shownBytes = 0;
    m_identicalBytes = -1;
    QTextCharFormat muted;
    muted.setForeground(widgets::applicationTheme().colour(widgets::Role::MutedText));
    QTextCursor cursor(m_text->document());
    cursor.insertText(prompt, muted);
  }
  if (lane.text.size() == m_shownBytes) return;
  QScrollBar* bar = m_text->verticalScrollBar();
  const bool atEnd = bar->value() >= bar->maximum() - 4;
  QTextCharFormat plain;
  plain.setForeground(widgets::applicationTheme().colour(widgets::Role::Text));
  QTextCursor cursor(m_text->document());
  cursor.movePosition(QTextCursor::End);
  cursor.insertText(QString::fromLatin1(lane.text.mid(m_shownBytes)), plain);
  m_shownBytes = lane.text.size();
  if (atEnd) bar->setValue(bar->maximum());
}

void LaneView::markIdentical(int identicalBytes) {
  if (identicalBytes == m_identicalBytes) return;
  m_identicalBytes = identicalBytes;
  QTextEdit::ExtraSelection mark;
  mark.cursor = QTextCursor(m_text->document());
  mark.cursor.setPosition(static_cast<int>(m_prompt.size()));
  mark.cursor.setPosition(
      static_cast<int>(std::min<qsizetype>(m_prompt.size() + identicalBytes, m_text->document()->characterCount() - 1)),
      QTextCursor::KeepAnchor);
  mark.format.setBackground(widgets::applicationTheme().colour(widgets::Role::Selection));
  m_text->setExtraSelections({mark});
}

bool LaneView::event(QEvent* event) {
  if (event->type() == widgets::themeChangeEvent()) restyle();
  return QFrame::event(event);
}

void LaneView::restyle() {
  using widgets::Role;
  using widgets::TextSize;
  const widgets::Theme theme = widgets::applicationTheme();
  m_name->setFont(theme.font(TextSize::Title, QFont::DemiBold));
  m_name->setStyleSheet(QStringLiteral("color: %1;").arg(theme.colour(m_role).name()));
  for (QLabel* muted : {m_remark, m_times, m_memory})
    muted->setStyleSheet(QStringLiteral("color: %1;").arg(theme.colour(Role::MutedText).name()));
  m_times->setFont(theme.figures(TextSize::Caption));
  m_memory->setFont(theme.figures(TextSize::Caption));
  m_text->setFont(theme.figures(TextSize::Body));
  sizeText();
  setStyleSheet(
      QStringLiteral("#lane { background: %1; border: 1px solid %2; border-top: %3px solid %4; border-radius: 6px; }")
          .arg(theme.colour(Role::Surface).name(), theme.colour(Role::Border).name())
          .arg(theme.space(1))
          .arg(theme.colour(m_role).name()));
  // Colours of text already shown belong to the old theme: write it again.
  m_prompt.clear();
  m_text->clear();
}

}  // namespace app
