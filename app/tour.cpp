#include "app/tour.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QPainter>
#include <QPainterPath>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "widgets/theme.h"

namespace app {

using widgets::Role;
using widgets::TextSize;

Tour::Tour(std::vector<TourStep> steps, QWidget* window) : QWidget(window), m_steps(std::move(steps)) {
  setObjectName(QStringLiteral("tour"));
  setAccessibleName(tr("Guided tour"));
  setAttribute(Qt::WA_DeleteOnClose);
  setFocusPolicy(Qt::StrongFocus);
  const widgets::Theme theme = widgets::applicationTheme();
  m_card = new QWidget(this);
  m_card->setObjectName(QStringLiteral("tourCard"));
  m_card->setStyleSheet(QStringLiteral("#tourCard { background: %1; border: 1px solid %2; border-radius: 6px; }")
                            .arg(theme.colour(Role::Surface).name(), theme.colour(Role::Accent).name()));
  m_title = new QLabel;
  m_title->setFont(theme.font(TextSize::Large, QFont::DemiBold));
  m_text = new QLabel;
  m_text->setObjectName(QStringLiteral("tourText"));
  m_text->setWordWrap(true);
  m_text->setFont(theme.font(TextSize::Title));
  m_place = new QLabel;
  m_place->setFont(theme.font(TextSize::Caption));
  m_back = new QPushButton(tr("Back"));
  m_back->setObjectName(QStringLiteral("tourBack"));
  m_next = new QPushButton;
  m_next->setObjectName(QStringLiteral("tourNext"));
  m_next->setDefault(true);
  auto* end = new QPushButton(tr("End"));
  end->setObjectName(QStringLiteral("tourEnd"));
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(m_place);
  buttons->addStretch();
  buttons->addWidget(end);
  buttons->addWidget(m_back);
  buttons->addWidget(m_next);
  auto* layout = new QVBoxLayout(m_card);
  layout->setContentsMargins(theme.space(5), theme.space(4), theme.space(5), theme.space(4));
  layout->setSpacing(theme.space(2));
  layout->addWidget(m_title);
  layout->addWidget(m_text);
  layout->addLayout(buttons);
  m_card->setFixedWidth(theme.space(100));
  connect(m_back, &QPushButton::clicked, this, [this] { showStep(m_step - 1); });
  connect(m_next, &QPushButton::clicked, this, [this] { m_step + 1 < count() ? showStep(m_step + 1) : void(close()); });
  connect(end, &QPushButton::clicked, this, &QWidget::close);
  connect(this, &QObject::destroyed, window, [window] { window->setFocus(); });
  window->installEventFilter(this);
  setGeometry(window->rect());
  QWidget::show();
  raise();
  setFocus();
  showStep(0);
}

void Tour::showStep(int step) {
  if (step < 0 || step >= count()) return;
  m_step = step;
  const TourStep& now = m_steps[static_cast<std::size_t>(step)];
  m_target = now.target();
  m_title->setText(now.title);
  m_text->setText(now.text);
  m_text->setAccessibleName(now.title + QStringLiteral(". ") + now.text);
  m_place->setText(tr("%1 of %2").arg(step + 1).arg(count()));
  m_back->setEnabled(step > 0);
  m_next->setText(step + 1 < count() ? tr("Next") : tr("Done"));
  m_next->setFocus();
  // The window may have been arranged anew: its layout settles in the coming round of the event loop.
  QMetaObject::invokeMethod(this, &Tour::place, Qt::QueuedConnection);
}

void Tour::place() {
  m_text->setFixedHeight(m_text->heightForWidth(m_card->width() - 2 * widgets::applicationTheme().space(5)));
  m_card->adjustSize();
  const int gap = widgets::applicationTheme().space(3);
  QRect bright = m_target ? QRect(m_target->mapTo(parentWidget(), QPoint()), m_target->size()) : QRect();
  QPoint corner = rect().center() - m_card->rect().center();
  if (!bright.isNull()) {
    // Right of it, left of it, or inside at its lower edge, wherever there is room.
    const int y = std::clamp(bright.center().y() - m_card->height() / 2, gap, std::max(gap, height() - m_card->height() - gap));
    if (bright.right() + gap + m_card->width() < width())
      corner = {bright.right() + gap, y};
    else if (bright.left() - gap - m_card->width() > 0)
      corner = {bright.left() - gap - m_card->width(), y};
    else
      corner = {bright.center().x() - m_card->width() / 2, bright.bottom() - m_card->height() - gap};
  }
  m_card->move(std::clamp(corner.x(), gap, std::max(gap, width() - m_card->width() - gap)),
               std::clamp(corner.y(), gap, std::max(gap, height() - m_card->height() - gap)));
  // What is bright gets the mouse.
  setMask((QRegion(rect()) - bright.adjusted(-1, -1, 1, 1)) + m_card->geometry());
  update();
}

bool Tour::eventFilter(QObject* watched, QEvent* event) {
  if (watched == parentWidget() && event->type() == QEvent::Resize) {
    setGeometry(parentWidget()->rect());
    QMetaObject::invokeMethod(this, &Tour::place, Qt::QueuedConnection);
  }
  return QWidget::eventFilter(watched, event);
}

void Tour::paintEvent(QPaintEvent*) {
  const widgets::Theme theme = widgets::applicationTheme();
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  QPainterPath shade;
  shade.addRect(rect());
  if (m_target && m_target->isVisible()) {
    const QRectF bright = QRectF(QRect(m_target->mapTo(parentWidget(), QPoint()), m_target->size())).adjusted(-3, -3, 3, 3);
    QPainterPath hole;
    hole.addRoundedRect(bright, 6, 6);
    shade -= hole;
    painter.setPen(QPen(theme.colour(Role::Accent), 2));
    painter.drawPath(hole);
  }
  painter.fillPath(shade, QColor(0, 0, 0, 130));
}

void Tour::keyPressEvent(QKeyEvent* event) {
  switch (event->key()) {
    case Qt::Key_Escape:
      close();
      break;
    case Qt::Key_Right:
      m_next->click();
      break;
    case Qt::Key_Left:
      showStep(m_step - 1);
      break;
    default:
      QWidget::keyPressEvent(event);
  }
}

}  // namespace app
