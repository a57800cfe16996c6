// Help in the window: tour, glossary, keys, palette.
#include <QAction>
#include <QActionGroup>
#include <QDockWidget>
#include <QFileDialog>
#include <QFileInfo>
#include <QMenuBar>
#include <QStatusBar>
#include <QToolBar>

#include "app/actionlist.h"
#include "app/banner.h"
#include "app/filterpanel.h"
#include "app/effectpanel.h"
#include "app/fitstrip.h"
#include "app/generationpanel.h"
#include "app/glossary.h"
#include "app/helppages.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "app/tour.h"
#include "widgets/commandpalette.h"
#include "widgets/hankelplot.h"
#include "widgets/poleplot.h"
#include "widgets/signalplot.h"

namespace app {

void MainWindow::buildHelpMenu() {
  QMenu* help = menuBar()->addMenu(tr("&Help"));
  help->addAction(explained(new QAction(tr("&Find an action…"), this), "help.palette",
                            tr("Type a few letters of what you want to do"),
                            QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_P), [this] { showPalette(); }));
  QAction* keys = explained(new QAction(tr("&Keys"), this), "help.keys", tr("Every action that has a key"), {},
                            [this] { showKeys(); });
  // Where "?" is typed with Shift, some platforms tell of the Shift and some do not.
  keys->setShortcuts({QKeySequence(Qt::Key_Question), QKeySequence(Qt::SHIFT | Qt::Key_Question)});
  help->addAction(keys);
  help->addSeparator();
  help->addAction(explained(new QAction(tr("&Hear the filter"), this), "help.hear",
                            tr("Play the impulse response at 8,000 taps a second"), QKeySequence(Qt::Key_H),
                            [this] { hearFilter(); }));
  help->addAction(explained(new QAction(tr("Save the &sound…"), this), "help.saveSound",
                            tr("The impulse response as a WAV file"), {}, [this] { chooseSound(); }));
  help->addSeparator();
  help->addAction(explained(new QAction(tr("Guided &tour"), this), "help.tour",
                            tr("From an impulse response to a speed-up in eight steps"), QKeySequence(Qt::Key_F1),
                            [this] { startTour(); }));
  const auto open = [this](int page) {
    try {
      auto* pages = new HelpPages(this, page);
      pages->setAttribute(Qt::WA_DeleteOnClose);
      pages->show();
    } catch (const std::exception& error) {
      m_banner->tell(QString::fromUtf8(error.what()));
    }
  };
  help->addAction(explained(new QAction(tr("&Pages"), this), "help.pages",
                            tr("Tutorial, methods, honest speed, recipes, keys"), QKeySequence(Qt::CTRL | Qt::Key_F1),
                            [open] { open(0); }));
  // Each by its title, so that the palette finds it. Where a page is missing, the entry above says so.
  QMenu* titles = help->addMenu(tr("P&age by title"));
  std::vector<HelpPage> pages;
  try {
    pages = helpPages();
  } catch (const std::exception&) {
    titles->setEnabled(false);
  }
  for (int page = 0; page < static_cast<int>(pages.size()); ++page) {
    const HelpPage& known = pages[static_cast<std::size_t>(page)];
    const QString name = QStringLiteral("help.page.") + QFileInfo(known.path).baseName();
    titles->addAction(explained(new QAction(known.title, this), qPrintable(name), tr("Opens the help at this page"), {},
                                [open, page] { open(page); }));
  }
  help->addAction(explained(new QAction(tr("&Glossary"), this), "help.glossary",
                            tr("What the words of the window mean"), QKeySequence(Qt::SHIFT | Qt::Key_F1), [this] {
                              auto* glossary = new Glossary(this);
                              glossary->setAttribute(Qt::WA_DeleteOnClose);
                              glossary->show();
                            }));
}

QList<QAction*> MainWindow::actionsListed() const {
  return listedActions(*menuBar(), m_lastPlot ? m_lastPlot.data() : &m_plots->signal());
}

void MainWindow::showPalette() {
  if (!m_palette) m_palette = new widgets::CommandPalette(this);
  m_palette->setActions(actionsListed());
  m_palette->popUp();
}

void MainWindow::showKeys() {
  auto* sheet = new widgets::KeySheet(keyedActions(actionsListed()), this);
  sheet->setObjectName(QStringLiteral("keySheet"));
  sheet->setAttribute(Qt::WA_DeleteOnClose);
  sheet->show();
}

void MainWindow::hearFilter() {
  const auto known = m_analyst.current();
  if (!known) return;
  const QString problem = m_sound.play(known->filter->taps);
  if (!problem.isEmpty()) m_banner->tell(problem);
}

void MainWindow::chooseSound() {
  const auto known = m_analyst.current();
  if (!known) return;
  const QString path = QFileDialog::getSaveFileName(
      this, tr("Save the sound"),
      QFileInfo(m_document.path()).absolutePath() +
          QStringLiteral("/filter-%1.wav").arg(QString::fromStdString(known->filter->name)),
      tr("Sounds (*.wav)"));
  if (path.isEmpty()) return;
  const QString problem = m_sound.save(known->filter->taps, path);
  if (!problem.isEmpty()) m_banner->tell(problem);
}

void MainWindow::startTour() {
  if (!m_document.checkpoint()) {
    // The tour needs something to look at; it begins with the first fit of the sample.
    connect(&m_analyst, &Analyst::fitted, this, &MainWindow::startTour,
            static_cast<Qt::ConnectionType>(Qt::QueuedConnection | Qt::SingleShotConnection));
    return openSample();
  }
  if (m_tour) return;
  setTalking(false);
  const auto at = [this](Preset preset, QWidget* widget) {
    return [this, preset, widget] {
      if (m_presetGroup->actions().indexOf(m_presetGroup->checkedAction()) != static_cast<int>(preset)) showPreset(preset);
      return widget;
    };
  };
  const std::vector<TourStep> steps = {
      {tr("Filters"),
       tr("A long-convolution model is made of filters, one per channel and layer. Each row is one. Arrow keys walk, and "
          "everything else follows."),
       at(Preset::filters, m_filters)},
      {tr("Impulse response"),
       tr("What this filter answers to a single token: a tap for every lag. To generate with it, all past tokens must "
          "be kept and summed over, again and again."),
       at(Preset::order, &m_plots->signal())},
      {tr("How many states?"),
       tr("The Hankel singular values tell how much of the filter's memory a few numbers can hold. They fall steeply: "
          "a handful of states can stand for a thousand taps."),
       at(Preset::order, &m_plots->hankel())},
      {tr("Choose"),
       tr("Drag the line, or press the arrow keys: modes come and go one by one, and the fit follows. The shaded part is "
          "the certificate: nobody, by whatever method, gets below it."),
       at(Preset::order, &m_plots->hankel())},
      {tr("Poles"),
       tr("Each mode of the recurrence is a pole. Near the rim it remembers long, and its angle says how fast it turns. "
          "Point at one to see its part in the impulse response."),
       at(Preset::order, &m_plots->poles())},
      {tr("What it is worth"),
       tr("Order, error, the certificate, and the worst places, for the filter you look at. “Fit to tolerance” above "
          "chooses the orders of many filters at once."),
       at(Preset::order, m_strip)},
      {tr("What it costs the model"),
       tr("Measure how many bits per token the plan adds on a text, layer by layer, or let the smallest plan within a "
          "loss be found."),
       at(Preset::effect, m_effect)},
      {tr("What it gains"),
       tr("Generate: original and distilled continue the same prompt with the same noise. One slows down and grows with "
          "every token, the other does not."),
       at(Preset::speed, m_generate)},
  };
  m_tour = new Tour(steps, this);
}

}  // namespace app
