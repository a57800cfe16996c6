#include "app/startpage.h"

#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include "app/recents.h"
#include "widgets/theme.h"

namespace app {

StartPage::StartPage(QWidget* parent) : QWidget(parent) {
  setObjectName(QStringLiteral("startPage"));
  m_title = new QLabel(tr("Polecat"));
  m_tagline = new QLabel(
      tr("See the filters of a long-convolution model, choose how many states each may keep, run the result."));
  m_tagline->setWordWrap(true);

  auto* open = new QPushButton(tr("Open a checkpoint…"));
  open->setDefault(true);
  open->setObjectName(QStringLiteral("startOpen"));
  auto* sample = new QPushButton(tr("Open the sample"));
  sample->setObjectName(QStringLiteral("startSample"));
  sample->setToolTip(tr("A Hyena language model of 1 million parameters, trained on novels, with its validation text"));
  auto* tour = new QPushButton(tr("Take the tour"));
  tour->setObjectName(QStringLiteral("startTour"));
  tour->setToolTip(tr("From an impulse response to a speed-up in eight steps, on the sample"));
  connect(tour, &QPushButton::clicked, this, &StartPage::tourRequested);
  auto* hint = new QLabel(tr("or drop a file anywhere: .ckpt, .pt, .safetensors, a sharded index or its folder"));
  hint->setObjectName(QStringLiteral("startHint"));
  auto* buttons = new QHBoxLayout;
  buttons->setSpacing(8);
  buttons->addWidget(open);
  buttons->addWidget(sample);
  buttons->addWidget(tour);
  buttons->addStretch();
  connect(open, &QPushButton::clicked, this, &StartPage::openRequested);
  connect(sample, &QPushButton::clicked, this, &StartPage::sampleRequested);

  auto* steps = new QVBoxLayout;
  steps->setSpacing(12);
  const QString texts[] = {
      tr("<b>Look.</b> Pick a filter in the table: its impulse response, spectrum, Hankel singular values and poles "
         "appear together."),
      tr("<b>Choose.</b> Drag the order line on the Hankel plot: fit, error and poles follow your hand, and the "
         "certificate "
         "shows what nobody could do better."),
      tr("<b>Run.</b> Generate text with the original convolution and the distilled recurrence side by side: same "
         "prompt, same noise, "
         "constant memory."),
  };
  for (int i = 0; i < 3; ++i) {
    auto* row = new QHBoxLayout;
    row->setSpacing(12);
    auto* digit = new QLabel(QString::number(i + 1));
    digit->setAlignment(Qt::AlignCenter);
    auto* text = new QLabel(texts[i]);
    text->setWordWrap(true);
    row->addWidget(digit, 0, Qt::AlignTop);
    row->addWidget(text, 1);
    steps->addLayout(row);
    m_stepNumbers << digit;
    m_stepTexts << text;
  }

  m_recentTitle = new QLabel(tr("Opened last"));
  m_recents = new QVBoxLayout;
  m_recents->setSpacing(0);

  m_offer = new QFrame;
  m_offer->setObjectName(QStringLiteral("startOffer"));
  m_offerText = new QLabel;
  m_offerText->setWordWrap(true);
  m_resume = new QPushButton(tr("Restore"));
  m_resume->setObjectName(QStringLiteral("startResume"));
  auto* forget = new QPushButton(tr("Forget it"));
  forget->setObjectName(QStringLiteral("startForget"));
  auto* offerRow = new QHBoxLayout(m_offer);
  offerRow->setContentsMargins(16, 12, 12, 12);
  offerRow->setSpacing(8);
  offerRow->addWidget(m_offerText, 1);
  offerRow->addWidget(m_resume);
  offerRow->addWidget(forget);
  m_offer->hide();
  connect(m_resume, &QPushButton::clicked, this, &StartPage::resumeRequested);
  connect(forget, &QPushButton::clicked, this, &StartPage::forgetRequested);

  auto* column = new QVBoxLayout;
  column->setSpacing(20);
  column->addStretch(2);
  column->addWidget(m_title);
  column->addWidget(m_tagline);
  column->addWidget(m_offer);
  column->addLayout(buttons);
  column->addWidget(hint);
  column->addSpacing(8);
  column->addLayout(steps);
  column->addSpacing(8);
  column->addWidget(m_recentTitle);
  column->addLayout(m_recents);
  column->addStretch(3);
  auto* holder = new QWidget;
  holder->setLayout(column);
  holder->setMaximumWidth(760);
  auto* layout = new QHBoxLayout(this);
  layout->addStretch(1);
  layout->addWidget(holder, 8);
  layout->addStretch(1);
  refresh();
  restyle();
}

void StartPage::refresh() {
  while (QLayoutItem* item = m_recents->takeAt(0)) {
    delete item->widget();
    delete item;
  }
  int shortcut = 0;
  for (const QString& path : recents::files()) {
    const QFileInfo file(path);
    auto* link = new QPushButton(tr("%1   —   %2").arg(file.fileName(), file.absolutePath()));
    link->setObjectName(QStringLiteral("recentFile"));
    link->setFlat(true);
    link->setCursor(Qt::PointingHandCursor);
    link->setToolTip(tr("Ctrl+%1").arg(++shortcut));
    link->setEnabled(file.exists());
    connect(link, &QPushButton::clicked, this, [this, path] { Q_EMIT recentRequested(path); });
    m_recents->addWidget(link);
  }
  m_recentTitle->setVisible(m_recents->count() > 0);
}

void StartPage::offerResume(const QString& text, bool urgent) {
  m_offerText->setText(text);
  m_resume->setText(urgent ? tr("Restore") : tr("Continue"));
  m_offer->setVisible(!text.isEmpty());
}

bool StartPage::event(QEvent* event) {
  if (event->type() == widgets::themeChangeEvent()) restyle();
  return QWidget::event(event);
}

void StartPage::restyle() {
  using widgets::Role;
  using widgets::TextSize;
  const widgets::Theme theme = widgets::applicationTheme();
  m_title->setFont(theme.font(TextSize::Huge, QFont::DemiBold));
  m_tagline->setFont(theme.font(TextSize::Large));
  m_recentTitle->setFont(theme.font(TextSize::Title, QFont::DemiBold));
  for (QLabel* digit : m_stepNumbers) {
    digit->setFont(theme.figures(TextSize::Body, QFont::DemiBold));
    digit->setFixedSize(theme.space(6), theme.space(6));
    digit->setStyleSheet(QStringLiteral("background: %1; color: %2; border-radius: %3px;")
                             .arg(theme.colour(Role::Selection).name(), theme.colour(Role::Text).name())
                             .arg(theme.space(3)));
  }
  for (QLabel* text : m_stepTexts) text->setFont(theme.font(TextSize::Title));
  m_offer->setStyleSheet(QStringLiteral("#startOffer { background: %1; border: 1px solid %2; border-left: %3px solid %4; "
                                        "border-radius: 6px; }")
                             .arg(theme.colour(Role::Surface).name(), theme.colour(Role::Border).name())
                             .arg(theme.space(1))
                             .arg(theme.colour(Role::Accent).name()));
  setStyleSheet(QStringLiteral("#startHint { color: %1; } #recentFile { text-align: left; border: none; background: "
                               "transparent; color: %2; }"
                               "#recentFile:hover { color: %3; } #recentFile:disabled { color: %1; }")
                    .arg(theme.colour(Role::MutedText).name(), theme.colour(Role::Text).name(),
                         theme.colour(Role::Accent).name()));
}

}  // namespace app
