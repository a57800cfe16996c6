#include "app/figuredialog.h"

#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalBlocker>
#include <QVBoxLayout>
#include <algorithm>

#include "widgets/theme.h"

namespace app {

namespace {

constexpr double pixelsPerCentimetre = 96 / 2.54;

}  // namespace

FigureDialog::FigureDialog(std::vector<Exhibit> exhibits, const QString& title, const QString& provenance,
                           const QString& folder, QWidget* parent)
    : QDialog(parent), m_exhibits(std::move(exhibits)), m_provenance(provenance), m_folder(folder) {
  setObjectName(QStringLiteral("figureDialog"));
  setWindowTitle(tr("Export a figure"));
  for (Exhibit& exhibit : m_exhibits) std::erase_if(exhibit.plots, [](const widgets::Plot* plot) { return plot->isEmpty(); });
  std::erase_if(m_exhibits, [](const Exhibit& exhibit) { return exhibit.plots.empty(); });

  m_what = new QComboBox;
  m_what->setObjectName(QStringLiteral("figureWhat"));
  for (const Exhibit& exhibit : m_exhibits) m_what->addItem(exhibit.name);
  m_title = new QLineEdit(title);
  m_title->setObjectName(QStringLiteral("figureTitle"));
  m_title->setToolTip(tr("Stands above a page of several plots; a single plot has its own title"));
  const auto length = [](double value, const QString& name) {
    auto* box = new QDoubleSpinBox;
    box->setRange(100, 8000);
    box->setDecimals(0);
    box->setValue(value);
    box->setAccessibleName(name);
    return box;
  };
  m_width = length(960, tr("Width"));
  m_width->setObjectName(QStringLiteral("figureWidth"));
  m_height = length(600, tr("Height"));
  m_height->setObjectName(QStringLiteral("figureHeight"));
  m_unit = new QComboBox;
  m_unit->setObjectName(QStringLiteral("figureUnit"));
  m_unit->addItems({tr("px"), tr("cm")});
  m_unit->setAccessibleName(tr("Unit of the size"));
  m_scale = length(2, tr("Scale of PNG"));
  m_scale->setRange(1, 4);
  m_scale->setDecimals(1);
  m_scale->setSingleStep(0.5);
  m_scale->setSuffix(QStringLiteral("×"));
  m_scale->setObjectName(QStringLiteral("figureScale"));
  m_colours = new QComboBox;
  m_colours->addItem(tr("as on paper (light)"));
  m_colours->addItem(tr("as on the screen"));
  m_preview = new QLabel;
  m_preview->setAlignment(Qt::AlignCenter);
  m_preview->setMinimumSize(420, 280);
  m_preview->setAccessibleName(tr("Preview"));
  m_pixels = new QLabel;

  auto* size = new QHBoxLayout;
  size->addWidget(m_width);
  size->addWidget(new QLabel(QStringLiteral("×")));
  size->addWidget(m_height);
  size->addWidget(m_unit);
  auto* form = new QFormLayout;
  form->setSpacing(8);
  form->addRow(tr("Figure"), m_what);
  form->addRow(tr("Title"), m_title);
  form->addRow(tr("Size"), size);
  form->addRow(tr("PNG scale"), m_scale);
  form->addRow(tr("Colours"), m_colours);
  form->addRow(QString(), m_pixels);
  auto* foot = new QLabel(tr("Legend, units and this line are always in: %1").arg(provenance));
  foot->setWordWrap(true);
  foot->setObjectName(QStringLiteral("figureProvenance"));
  auto* copyButton = new QPushButton(tr("Copy"));
  copyButton->setObjectName(QStringLiteral("figureCopy"));
  copyButton->setToolTip(tr("Copy the picture to the clipboard"));
  auto* saveButton = new QPushButton(tr("Save…"));
  saveButton->setObjectName(QStringLiteral("figureSave"));
  saveButton->setToolTip(tr("PNG, SVG or PDF, by the suffix of the name"));
  saveButton->setDefault(true);
  auto* close = new QPushButton(tr("Close"));
  auto* buttons = new QHBoxLayout;
  buttons->addStretch();
  buttons->addWidget(copyButton);
  buttons->addWidget(saveButton);
  buttons->addWidget(close);
  auto* left = new QVBoxLayout;
  left->addLayout(form);
  left->addWidget(foot);
  left->addStretch();
  auto* top = new QHBoxLayout;
  top->setSpacing(16);
  top->addLayout(left);
  top->addWidget(m_preview, 1);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(16, 16, 16, 16);
  layout->setSpacing(12);
  layout->addLayout(top, 1);
  layout->addLayout(buttons);

  connect(m_what, &QComboBox::currentIndexChanged, this, &FigureDialog::refresh);
  connect(m_colours, &QComboBox::currentIndexChanged, this, &FigureDialog::refresh);
  connect(m_unit, &QComboBox::currentIndexChanged, this, &FigureDialog::changeUnit);
  connect(m_title, &QLineEdit::textChanged, this, &FigureDialog::refresh);
  for (QDoubleSpinBox* box : {m_width, m_height, m_scale})
    connect(box, &QDoubleSpinBox::valueChanged, this, &FigureDialog::refresh);
  connect(copyButton, &QPushButton::clicked, this, &FigureDialog::copy);
  connect(saveButton, &QPushButton::clicked, this, &FigureDialog::save);
  connect(close, &QPushButton::clicked, this, &QDialog::reject);
  resize(960, 460);
  refresh();
}

widgets::ExportOptions FigureDialog::options() const {
  widgets::ExportOptions options;
  const double unit = m_inCentimetres ? pixelsPerCentimetre : 1;
  options.size = {qRound(m_width->value() * unit), qRound(m_height->value() * unit)};
  options.scale = m_scale->value();
  options.theme = m_colours->currentIndex() == 0 ? widgets::Theme::light() : widgets::applicationTheme();
  return options;
}

widgets::FigurePage FigureDialog::page() const {
  widgets::FigurePage page;
  page.title = m_title->text();
  page.provenance = m_provenance;
  page.plots = m_exhibits[static_cast<std::size_t>(m_what->currentIndex())].plots;
  page.columns = page.plots.size() > 2 ? 2 : 1;
  return page;
}

QImage FigureDialog::image() const {
  if (m_exhibits.empty()) return {};
  const widgets::FigurePage shown = page();
  return shown.plots.size() == 1 ? shown.plots.front()->image(options()) : widgets::pageImage(shown, options());
}

QString FigureDialog::exportTo(const QString& path) const {
  if (m_exhibits.empty()) return tr("There is nothing to export yet; select a filter first");
  const widgets::FigurePage shown = page();
  return shown.plots.size() == 1 ? shown.plots.front()->exportTo(path, options())
                                 : widgets::exportPage(shown, path, options());
}

void FigureDialog::copy() const {
  QApplication::clipboard()->setImage(image());
}

void FigureDialog::save() {
  const QString path = QFileDialog::getSaveFileName(this, tr("Save the figure"), m_folder + QStringLiteral("/figure.png"),
                                                    tr("Figures (*.png *.svg *.pdf)"));
  if (path.isEmpty()) return;
  const QString problem = exportTo(path);
  if (!problem.isEmpty()) return Q_EMIT failed(problem);
  Q_EMIT exported(path);
  accept();
}

void FigureDialog::changeUnit() {
  const bool centimetres = m_unit->currentIndex() == 1;
  if (centimetres == m_inCentimetres) return;
  const double factor = centimetres ? 1 / pixelsPerCentimetre : pixelsPerCentimetre;
  m_inCentimetres = centimetres;
  for (QDoubleSpinBox* box : {m_width, m_height}) {
    const QSignalBlocker quiet(box);
    const double value = box->value() * factor;
    box->setDecimals(centimetres ? 1 : 0);
    box->setRange(centimetres ? 2 : 100, centimetres ? 200 : 8000);
    box->setValue(value);
  }
  refresh();
}

void FigureDialog::refresh() {
  const bool some = !m_exhibits.empty();
  m_title->setEnabled(some && page().plots.size() > 1);
  if (!some) return m_preview->setText(tr("There is nothing to export yet; select a filter first"));
  const widgets::ExportOptions chosen = options();
  m_pixels->setText(tr("PNG of %1 × %2 pixels").arg(qRound(chosen.size.width() * chosen.scale)).arg(qRound(chosen.size.height() * chosen.scale)));
  widgets::ExportOptions small = chosen;
  small.scale = 1;
  const widgets::FigurePage shown = page();
  const QImage picture = shown.plots.size() == 1 ? shown.plots.front()->image(small) : widgets::pageImage(shown, small);
  const double ratio = devicePixelRatioF();
  QImage scaled = picture.scaled(m_preview->size() * ratio, Qt::KeepAspectRatio, Qt::SmoothTransformation);
  scaled.setDevicePixelRatio(ratio);
  m_preview->setPixmap(QPixmap::fromImage(scaled));
}

void FigureDialog::resizeEvent(QResizeEvent* event) {
  QDialog::resizeEvent(event);
  QMetaObject::invokeMethod(this, &FigureDialog::refresh, Qt::QueuedConnection);
}

}  // namespace app
