// What counts as an error of a fit, in the window: every frequency alike, a drawn band, or what a text makes the model
// feed its filters.
#include <QAction>
#include <QActionGroup>
#include <QDialog>
#include <QDialogButtonBox>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QMenu>
#include <numbers>

#include "app/banner.h"
#include "app/effectpanel.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "widgets/spectrumplot.h"

namespace app {

namespace {

constexpr double pi = std::numbers::pi;

}  // namespace

void MainWindow::buildFitWeightActions(QMenu* plan) {
  plan->addSeparator();
  QMenu* menu = plan->addMenu(tr("&What counts"));
  m_fitWeightGroup = new QActionGroup(this);
  const auto add = [&](const QString& text, const char* name, const QString& explanation, std::function<void()> deed) {
    QAction* action = explained(new QAction(text, this), name, explanation, {}, std::move(deed));
    action->setCheckable(true);
    m_fitWeightGroup->addAction(action);
    menu->addAction(action);
  };
  add(tr("Every &frequency alike"), "plan.weighAll", tr("A fit makes the error of the filter itself small"), [this] {
    m_document.setFitWeight({});
    showFitWeight();
  });
  add(tr("A &band of frequencies…"), "plan.weighBand",
      tr("Errors outside the band count a hundredth; Ctrl and drag in the frequency response draws it"),
      [this] { askBand(); });
  add(tr("What a &text makes the filters hear…"), "plan.weighText",
      tr("Errors count by the spectrum of each filter's input on a text, run through the original model"),
      [this] { chooseHeardText(); });
  connect(&m_document, &Document::fitWeightChanged, this, &MainWindow::showFitWeight);
  connect(&m_document, &Document::opened, this, &MainWindow::showFitWeight);
  connect(&m_plots->spectrum(), &widgets::SpectrumPlot::bandDrawn, this,
          [this](double low, double high) { weighByBand(low, high); });
  showFitWeight();
}

// The menu and the frequency response say what counts; a choice that was given up leaves them as they were.
void MainWindow::showFitWeight() {
  const FitWeight& fitWeight = m_document.fitWeight();
  const int index = fitWeight.plain() ? 0 : fitWeight.text.isEmpty() ? 1 : 2;
  m_fitWeightGroup->actions().at(index)->setChecked(true);
  m_fitWeightGroup->setEnabled(m_document.filterCount() > 0);
  if (fitWeight.plain()) return m_plots->spectrum().setBand({}, {});
  const bool band = fitWeight.text.isEmpty();
  m_plots->spectrum().setBand(band ? std::pair(fitWeight.low, fitWeight.high) : std::pair(0.0, pi),
                              tr("errors count by %1").arg(fitWeight.name()));
}

void MainWindow::weighByBand(double low, double high) {
  try {
    m_document.setFitWeight(bandWeight(low, high));
  } catch (const std::exception& error) {
    m_banner->tell(QString::fromUtf8(error.what()));
  }
  showFitWeight();
}

void MainWindow::askBand() {
  const FitWeight& now = m_document.fitWeight();
  QDialog dialog(this);
  dialog.setObjectName(QStringLiteral("bandDialog"));
  dialog.setWindowTitle(tr("The band that counts"));
  auto* form = new QFormLayout(&dialog);
  const auto add = [&](const QString& label, const char* name, double value) {
    auto* box = new QDoubleSpinBox;
    box->setObjectName(QString::fromLatin1(name));
    box->setAccessibleName(label);
    box->setRange(0, 1);
    box->setDecimals(3);
    box->setSingleStep(0.01);
    box->setSuffix(tr(" π rad/token"));
    box->setValue(value / pi);
    form->addRow(label, box);
    return box;
  };
  auto* low = add(tr("From"), "bandLow", now.high > 0 ? now.low : 0);
  auto* high = add(tr("To"), "bandHigh", now.high > 0 ? now.high : pi / 4);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
  form->addRow(buttons);
  connect(buttons, &QDialogButtonBox::accepted, &dialog, &QDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, &dialog, &QDialog::reject);
  if (dialog.exec() == QDialog::Accepted) return weighByBand(low->value() * pi, high->value() * pi);
  showFitWeight();
}

void MainWindow::chooseHeardText() {
  const QString path = QFileDialog::getOpenFileName(this, tr("A text that the model hears"),
                                                    QFileInfo(m_effect->settings().text).absolutePath(),
                                                    tr("Texts (*.txt *.md *.fa *.fasta);;All files (*)"));
  if (!path.isEmpty()) weighByText(path, false);
  showFitWeight();
}

void MainWindow::weighByText(const QString& path, bool restoring) {
  m_jobs.start(
      QStringLiteral("weigh by text"), tr("Listening to the filters on %1").arg(QFileInfo(path).fileName()),
      Jobs::Priority::batch,
      [this, path, restoring, windows = m_effect->settings().windows, checkpoint = m_document.checkpoint()](
          const analysis::Task& task, const Jobs::Post& post) {
        const FitWeight fitWeight = textWeight(path, windows, checkpoint, task);
        post([this, fitWeight, restoring, checkpoint] {
          if (m_document.checkpoint() != checkpoint) return;
          restoring ? m_document.restoreFitWeight(fitWeight) : m_document.setFitWeight(fitWeight);
        });
      },
      [this](const QString& sentence) { m_banner->tell(sentence); });
}

}  // namespace app
