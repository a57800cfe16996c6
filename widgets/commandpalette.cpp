#include "widgets/commandpalette.h"

#include <QEvent>
#include <QGridLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QListWidget>
#include <QMap>
#include <QPainter>
#include <QScrollArea>
#include <QStyledItemDelegate>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>
#include <vector>

#include "widgets/theme.h"

namespace widgets {
namespace {

constexpr int actionRole = Qt::UserRole;
constexpr int keyRole = Qt::UserRole + 1;
constexpr int categoryRole = Qt::UserRole + 2;

QString category(const QAction& action) {
  return action.property("category").toString();
}

bool isListed(const QAction& action) {
  return !action.isSeparator() && !action.menu() && action.isVisible() && !actionName(action).isEmpty();
}

// Category muted, name, key at the right.
class CommandDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    const Theme theme = applicationTheme();
    const bool enabled = index.flags().testFlag(Qt::ItemIsEnabled);
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    QRectF row = QRectF(option.rect).adjusted(theme.space(1), 1, -theme.space(1), -1);
    if (option.state.testFlag(QStyle::State_Selected)) {
      painter->setPen(Qt::NoPen);
      painter->setBrush(theme.colour(Role::Selection));
      painter->drawRoundedRect(row, 6, 6);
    }
    row.adjust(theme.space(2), 0, -theme.space(2), 0);
    painter->setPen(theme.colour(Role::MutedText));
    painter->setFont(theme.figures(TextSize::Caption));
    painter->drawText(row, Qt::AlignRight | Qt::AlignVCenter, index.data(keyRole).toString());
    painter->setFont(theme.font(TextSize::Body));
    const QString group = index.data(categoryRole).toString();
    if (!group.isEmpty()) {
      const QString prefix = group + QStringLiteral("  ");
      painter->drawText(row, Qt::AlignLeft | Qt::AlignVCenter, prefix);
      row.adjust(QFontMetricsF(painter->font()).horizontalAdvance(prefix), 0, 0, 0);
    }
    painter->setPen(theme.colour(enabled ? Role::Text : Role::MutedText));
    painter->drawText(row, Qt::AlignLeft | Qt::AlignVCenter, index.data().toString());
    painter->restore();
  }

  QSize sizeHint(const QStyleOptionViewItem&, const QModelIndex&) const override {
    return {100, applicationTheme().space(8)};
  }
};

}  // namespace

QString actionName(const QAction& action) {
  QString name = action.text();
  name.remove(u'&');
  while (name.endsWith(u'.') || name.endsWith(QChar(0x2026))) name.chop(1);
  return name.trimmed();
}

std::optional<int> matchScore(const QString& typed, const QString& name) {
  const QString text = name.toCaseFolded();
  const auto startsWord = [&text](qsizetype i) { return i == 0 || !text[i - 1].isLetterOrNumber(); };
  // best[i]: the best score with the letter last typed placed on text[i]; nothing where it cannot be.
  std::vector<std::optional<int>> best;
  const QString letters = typed.toCaseFolded();
  for (const QChar letter : letters) {
    if (letter.isSpace()) continue;
    std::vector<std::optional<int>> next(static_cast<size_t>(text.size()));
    std::optional<int> before;  // the best that ends somewhere left of i - 1
    for (size_t i = 0; i < next.size(); ++i) {
      if (i >= 2 && !best.empty() && best[i - 2]) before = std::max(before.value_or(0), *best[i - 2]);
      if (text[static_cast<qsizetype>(i)] != letter) continue;
      const int placed = startsWord(static_cast<qsizetype>(i)) ? 6 : 1;
      if (best.empty()) {
        next[i] = placed;
        continue;
      }
      if (before) next[i] = *before + placed;
      if (i >= 1 && best[i - 1]) next[i] = std::max(next[i].value_or(0), *best[i - 1] + 8);
    }
    best = std::move(next);
    if (std::none_of(best.begin(), best.end(), [](const auto& score) { return score.has_value(); }))
      return std::nullopt;
  }
  int score = 0;
  for (const auto& candidate : best) score = std::max(score, candidate.value_or(0));
  return 16 * score - static_cast<int>(std::min<qsizetype>(text.size(), 240) / 16);  // of equals, the shorter name
}

CommandPalette::CommandPalette(QWidget* parent)
    : QDialog(parent, Qt::Popup | Qt::FramelessWindowHint), m_line(new QLineEdit(this)), m_list(new QListWidget(this)) {
  setWindowTitle(tr("Find an action"));
  m_line->setPlaceholderText(tr("Type what you want to do"));
  m_line->setAccessibleName(windowTitle());
  m_line->installEventFilter(this);
  m_list->setAccessibleName(tr("Actions"));
  m_list->setItemDelegate(new CommandDelegate(m_list));
  m_list->setFocusPolicy(Qt::NoFocus);
  m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(8, 8, 8, 8);
  layout->addWidget(m_line);
  layout->addWidget(m_list);
  connect(m_line, &QLineEdit::textChanged, this, &CommandPalette::filter);
  connect(m_line, &QLineEdit::returnPressed, this, &CommandPalette::run);
  connect(m_list, &QListWidget::itemClicked, this, &CommandPalette::run);
}

void CommandPalette::setActions(const QList<QAction*>& actions) {
  m_actions.clear();
  for (QAction* action : actions) {
    if (action && isListed(*action) && !m_actions.contains(action)) m_actions.append(action);
  }
  filter(m_line->text());
}

void CommandPalette::popUp() {
  m_line->clear();
  resize(qRound(560 * applicationTheme().scale()), height());
  filter({});
  if (const QWidget* window = parentWidget() ? parentWidget()->window() : nullptr) {
    const QPoint top = window->mapToGlobal(QPoint((window->width() - width()) / 2, window->height() / 8));
    move(top);
  }
  show();
  m_line->setFocus();
}

void CommandPalette::filter(const QString& typed) {
  struct Hit {
    QAction* action;
    int score;
  };
  std::vector<Hit> hits;
  for (const QPointer<QAction>& action : m_actions) {
    if (!action) continue;
    const auto byName = matchScore(typed, actionName(*action));
    const auto byAll = matchScore(typed, category(*action) + u' ' + actionName(*action));
    if (!byName && !byAll) continue;
    int score = std::max(byName.value_or(-1), byAll ? *byAll - 8 : -1);
    if (typed.trimmed().isEmpty()) {
      const auto recent = m_recent.indexOf(action);
      score = recent < 0 ? 0 : 1000 - static_cast<int>(recent);
    }
    hits.push_back({action, score});
  }
  std::stable_sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return a.score > b.score; });
  m_list->clear();
  for (const Hit& hit : hits) {
    auto* item = new QListWidgetItem(actionName(*hit.action), m_list);
    item->setData(actionRole, QVariant::fromValue(QPointer<QObject>(hit.action)));
    item->setData(keyRole, hit.action->shortcut().toString(QKeySequence::NativeText));
    item->setData(categoryRole, category(*hit.action));
    item->setToolTip(hit.action->toolTip());
    if (!hit.action->isEnabled()) item->setFlags(item->flags() & ~Qt::ItemIsEnabled);
  }
  m_list->setCurrentRow(0);
  // As high as what was found, ten lines at most.
  const int rows = std::clamp(m_list->count(), 1, 10);
  const QMargins around = layout()->contentsMargins();
  resize(width(), around.top() + m_line->sizeHint().height() + layout()->spacing() +
                      rows * applicationTheme().space(8) + 2 * m_list->frameWidth() + 8 + around.bottom());
}

void CommandPalette::paintEvent(QPaintEvent*) {
  const Theme theme = applicationTheme();
  QPainter painter(this);
  painter.setPen(QPen(theme.colour(Role::Axis), 1));
  painter.setBrush(theme.colour(Role::Raised));
  painter.drawRect(rect().adjusted(0, 0, -1, -1));
}

void CommandPalette::run() {
  const QListWidgetItem* item = m_list->currentItem();
  if (!item) return;
  const auto action = QPointer(qobject_cast<QAction*>(item->data(actionRole).value<QPointer<QObject>>().data()));
  if (!action || !action->isEnabled()) return;
  m_recent.removeAll(action);
  m_recent.prepend(action);
  accept();
  Q_EMIT actionChosen(action);
  if (action) action->trigger();
}

bool CommandPalette::eventFilter(QObject* watched, QEvent* event) {
  if (watched != m_line || event->type() != QEvent::KeyPress) return QDialog::eventFilter(watched, event);
  const int rows = m_list->count();
  int row = m_list->currentRow();
  switch (static_cast<QKeyEvent*>(event)->key()) {
    case Qt::Key_Down:
      ++row;
      break;
    case Qt::Key_Up:
      --row;
      break;
    case Qt::Key_PageDown:
      row = std::min(rows - 1, row + 8);
      break;
    case Qt::Key_PageUp:
      row = std::max(0, row - 8);
      break;
    default:
      return false;
  }
  if (rows > 0) m_list->setCurrentRow((row + rows) % rows);
  return true;
}

KeySheet::KeySheet(const QList<QAction*>& actions, QWidget* parent) : QDialog(parent) {
  setWindowTitle(tr("Keys"));
  const Theme theme = applicationTheme();
  QMap<QString, QList<const QAction*>> groups;
  for (const QAction* action : actions) {
    if (action && isListed(*action) && !action->shortcut().isEmpty()) groups[category(*action)].append(action);
  }
  auto* sheet = new QWidget;
  auto* grid = new QGridLayout(sheet);
  grid->setHorizontalSpacing(theme.space(6));
  grid->setVerticalSpacing(theme.space(1));
  grid->setColumnStretch(1, 1);
  int row = 0;
  for (auto group = groups.cbegin(); group != groups.cend(); ++group) {
    if (!group.key().isEmpty()) {
      auto* head = new QLabel(group.key(), sheet);
      head->setFont(theme.font(TextSize::Title, QFont::DemiBold));
      grid->addWidget(head, row++, 0, 1, 2);
    }
    for (const QAction* action : group.value()) {
      auto* key = new QLabel(action->shortcut().toString(QKeySequence::NativeText), sheet);
      key->setFont(theme.figures(TextSize::Body, QFont::DemiBold));
      auto* name = new QLabel(actionName(*action), sheet);
      name->setTextFormat(Qt::PlainText);
      grid->addWidget(key, row, 0);
      grid->addWidget(name, row++, 1);
    }
  }
  grid->setRowStretch(row, 1);
  auto* scroll = new QScrollArea(this);
  scroll->setWidget(sheet);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  auto* layout = new QVBoxLayout(this);
  layout->addWidget(scroll);
  resize(qRound(520 * theme.scale()), qRound(560 * theme.scale()));
}

}  // namespace widgets
