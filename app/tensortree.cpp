#include "app/tensortree.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QHash>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QTreeWidget>
#include <QTreeWidgetItemIterator>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "analysis/checkpoint/survey.h"
#include "analysis/tensors/tensorstatistics.h"
#include "widgets/format.h"
#include "widgets/theme.h"

namespace app {

namespace {

constexpr int tensorName = Qt::UserRole;

QString text(std::string_view words) {
  return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

}  // namespace

TensorTree::TensorTree(Document& document, Jobs& jobs, QWidget* parent)
    : QWidget(parent), m_document(document), m_jobs(jobs) {
  m_search = new QLineEdit;
  m_search->setObjectName(QStringLiteral("tensorSearch"));
  m_search->setPlaceholderText(tr("Part of a tensor's name"));
  m_search->setAccessibleName(tr("Search tensors"));
  m_search->setClearButtonEnabled(true);
  m_tree = new QTreeWidget;
  m_tree->setObjectName(QStringLiteral("tensorTree"));
  m_tree->setAccessibleName(tr("Tensors of the file"));
  m_tree->setColumnCount(columns);
  m_tree->setHeaderLabels({tr("Tensor"), tr("Shape"), tr("Type"), tr("Elements"), tr("Min"), tr("Max"), tr("Mean"),
                           tr("RMS"), tr("NaN or infinite")});
  m_tree->setUniformRowHeights(true);
  m_tree->header()->setStretchLastSection(false);
  for (int column = elements; column < columns; ++column)
    m_tree->headerItem()->setTextAlignment(column, Qt::AlignRight | Qt::AlignVCenter);
  m_axesRow = new QHBoxLayout;
  m_axesRow->setContentsMargins(0, 0, 0, 0);
  m_offer = new QLabel;
  m_offer->setObjectName(QStringLiteral("bankOffer"));
  m_offer->setWordWrap(true);
  m_use = new QPushButton(tr("Use as filters"));
  m_use->setObjectName(QStringLiteral("useAsFilters"));
  m_use->setToolTip(tr("Show this tensor's values as impulse responses, in place of the file's own filters"));
  m_back = new QPushButton(tr("Back to the file's own filters"));
  m_back->setObjectName(QStringLiteral("ownFilters"));
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(m_use);
  buttons->addWidget(m_back);
  buttons->addStretch(1);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(8, 8, 8, 8);
  layout->addWidget(m_search);
  layout->addWidget(m_tree, 1);
  layout->addLayout(m_axesRow);
  layout->addWidget(m_offer);
  layout->addLayout(buttons);
  connect(&document, &Document::opened, this, [this] {
    m_isStale = true;
    fill();
  });
  connect(m_search, &QLineEdit::textChanged, this, &TensorTree::narrow);
  connect(m_tree, &QTreeWidget::currentItemChanged, this, &TensorTree::look);
  connect(m_use, &QPushButton::clicked, this, [this] {
    const analysis::TensorInfo* info = current();
    if (info == nullptr) return;
    analysis::Choices choices;
    choices["bank"] = info->name;
    choices["axes"] = analysis::axesText(chosenAxes());
    m_document.reread(choices);
  });
  connect(m_back, &QPushButton::clicked, this, [this] { m_document.reread({}); });
  restyle();
  offerAxes(nullptr);
}

// Names are cut at their dots and slashes; a part that is a tensor as well as a folder is both.
// Opening a file must not wait for a tree that nobody sees.
void TensorTree::fill() {
  if (!isVisible() || !std::exchange(m_isStale, false)) return;
  const QString kept = current() ? text(current()->name) : QString();
  m_tree->clear();
  m_jobs.cancel(QStringLiteral("tensor statistics"));
  m_back->setVisible(m_document.choices().contains("bank"));
  if (!m_document.checkpoint()) return offerAxes(nullptr);
  QHash<QString, QTreeWidgetItem*> folders;
  QTreeWidgetItem* again = nullptr;
  for (const analysis::TensorInfo& info : m_document.checkpoint()->tensors().tensors()) {
    const QString full = text(info.name);
    QTreeWidgetItem* parent = m_tree->invisibleRootItem();
    qsizetype start = 0;
    for (qsizetype i = 0; i < full.size(); ++i) {
      if ((full[i] != QLatin1Char('.') && full[i] != QLatin1Char('/')) || i == start || i + 1 == full.size()) continue;
      QTreeWidgetItem*& folder = folders[full.left(i)];
      if (!folder) folder = new QTreeWidgetItem(parent, {full.mid(start, i - start)});
      parent = folder;
      start = i + 1;
    }
    QTreeWidgetItem*& item = folders[full];
    if (!item) item = new QTreeWidgetItem(parent, {full.mid(start)});
    item->setData(name, tensorName, full);
    item->setText(shape, QString::fromStdString(analysis::shapeText(info.shape)));
    item->setText(type,
                  info.type == analysis::DataType::unsupported ? text(info.typeName) : text(analysis::name(info.type)));
    item->setText(elements, widgets::count(static_cast<long long>(info.elementCount)));
    for (int column = elements; column < columns; ++column) item->setTextAlignment(column, Qt::AlignRight);
    if (full == kept) again = item;
  }
  if (m_tree->topLevelItemCount() == 1) m_tree->expandToDepth(1);
  narrow();
  if (again) m_tree->setCurrentItem(again);
  look();
}

QTreeWidgetItem* TensorTree::item(const QString& tensor) const {
  QTreeWidgetItemIterator at(m_tree);
  while (*at && (*at)->data(name, tensorName).toString() != tensor) ++at;
  return *at;
}

void TensorTree::narrow() {
  const QString wanted = m_search->text();
  // Children come after their parents: backwards, each knows whether one of its own is shown.
  std::vector<QTreeWidgetItem*> all;
  for (QTreeWidgetItemIterator at(m_tree); *at; ++at) all.push_back(*at);
  for (auto at = all.rbegin(); at != all.rend(); ++at) {
    QTreeWidgetItem* each = *at;
    bool shown = each->data(name, tensorName).toString().contains(wanted, Qt::CaseInsensitive) &&
                 !each->data(name, tensorName).isNull();
    for (int i = 0; i < each->childCount() && !shown; ++i) shown = !each->child(i)->isHidden();
    each->setHidden(!shown);
    if (!wanted.isEmpty() && shown && each->childCount() > 0) each->setExpanded(true);
  }
}

const analysis::TensorInfo* TensorTree::current() const {
  const QTreeWidgetItem* item = m_tree->currentItem();
  if (!item || !m_document.checkpoint()) return nullptr;
  return m_document.checkpoint()->tensors().find(item->data(name, tensorName).toString().toStdString());
}

// Statistics of the tensor in hand; its axes are offered.
void TensorTree::look() {
  const analysis::TensorInfo* info = current();
  offerAxes(info);
  QTreeWidgetItem* item = m_tree->currentItem();
  if (info == nullptr || !item->text(rms).isEmpty()) return;
  m_jobs.start(
      QStringLiteral("tensor statistics"), tr("Reading %1").arg(text(info->name)), Jobs::Priority::interactive,
      [this, info, checkpoint = m_document.checkpoint()](const analysis::Task& task, const Jobs::Post& post) {
        const auto found = analysis::statisticsOf(checkpoint->tensors(), *info, task);
        post([this, found, tensor = text(info->name)] {
          QTreeWidgetItem* row = this->item(tensor);
          if (!row) return;
          const double values[] = {found.min, found.max, found.mean, found.rms};
          for (int i = 0; i < 4; ++i) row->setText(min + i, QString::number(values[i], 'g', 5));
          row->setText(odd, widgets::count(static_cast<long long>(found.nanCount) + static_cast<long long>(found.infiniteCount)));
        });
      },
      [this](const QString& sentence) { Q_EMIT failed(sentence); });
}

void TensorTree::offerAxes(const analysis::TensorInfo* info) {
  for (const AxisBox& box : m_axes) {
    delete box.role;
    delete box.index;
  }
  m_axes.clear();
  const std::vector<analysis::Axis> usual =
      info != nullptr && info->elementCount > 0 && info->type != analysis::DataType::unsupported
          ? analysis::usualAxes(info->shape)
          : std::vector<analysis::Axis>{};
  for (std::size_t d = 0; d < usual.size(); ++d) {
    auto* role = new QComboBox;
    role->setObjectName(QStringLiteral("axis%1").arg(d));
    role->setAccessibleName(tr("What axis %1 of %2 values means").arg(d).arg(info->shape[d]));
    for (const QString& words : {tr("time"), tr("time, reversed"), tr("filters"), tr("one index")})
      role->addItem(tr("%1: %2").arg(info->shape[d]).arg(words));
    role->setCurrentIndex(static_cast<int>(usual[d].role));
    auto* index = new QSpinBox;
    index->setObjectName(QStringLiteral("axisIndex%1").arg(d));
    index->setAccessibleName(tr("Index at which axis %1 is held").arg(d));
    index->setRange(0, static_cast<int>(std::min<std::int64_t>(info->shape[d] - 1, 1 << 30)));
    index->hide();
    connect(role, &QComboBox::currentIndexChanged, this, &TensorTree::refreshOffer);
    connect(index, &QSpinBox::valueChanged, this, &TensorTree::refreshOffer);
    m_axesRow->addWidget(role);
    m_axesRow->addWidget(index);
    m_axes.push_back({role, index});
  }
  refreshOffer();
}

std::vector<analysis::Axis> TensorTree::chosenAxes() const {
  std::vector<analysis::Axis> axes;
  for (const AxisBox& box : m_axes)
    axes.push_back({static_cast<analysis::Axis::Role>(box.role->currentIndex()), box.index->value()});
  return axes;
}

void TensorTree::refreshOffer() {
  using Role = analysis::Axis::Role;
  const std::vector<analysis::Axis> axes = chosenAxes();
  for (std::size_t d = 0; d < axes.size(); ++d) m_axes[d].index->setVisible(axes[d].role == Role::fixed);
  const auto times = std::count_if(axes.begin(), axes.end(), [](const analysis::Axis& axis) {
    return axis.role == Role::time || axis.role == Role::reversedTime;
  });
  m_use->setEnabled(times == 1);
  const analysis::TensorInfo* info = current();
  if (axes.empty()) {
    m_offer->setText(info == nullptr ? tr("Choose a tensor to see its values' range, and to use it as filters.")
                                     : tr("This tensor has no values that could be taps."));
  } else if (times != 1) {
    m_offer->setText(tr("Exactly one axis must be time."));
  } else {
    m_offer->setText(tr("%1 filters of %2 taps")
                         .arg(widgets::count(static_cast<long long>(analysis::channelsOf(axes, info->shape))),
                              widgets::count(static_cast<long long>(analysis::lengthOf(axes, info->shape)))));
  }
}

bool TensorTree::event(QEvent* event) {
  if (event->type() == widgets::themeChangeEvent()) restyle();
  if (event->type() == QEvent::Show) fill();
  return QWidget::event(event);
}

void TensorTree::restyle() {
  const widgets::Theme theme = widgets::applicationTheme();
  m_tree->setFont(theme.figures(widgets::TextSize::Body));
  m_tree->header()->setFont(theme.font(widgets::TextSize::Caption));
  m_tree->setMinimumHeight(theme.space(26));  // four tensors at least, where there is little room
  const int digit = QFontMetrics(m_tree->font()).horizontalAdvance(QLatin1Char('0'));
  const int widths[columns] = {34, 16, 10, 13, 12, 12, 12, 12, 16};
  for (int column = 0; column < columns; ++column)
    m_tree->setColumnWidth(column, digit * widths[column] + theme.space(3));
}

}  // namespace app
