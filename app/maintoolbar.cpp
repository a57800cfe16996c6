// Tool bars and status bar of the window.
#include <QActionGroup>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QStatusBar>
#include <QToolBar>

#include "app/banner.h"
#include "app/filterpanel.h"
#include "app/fitstrip.h"
#include "app/jobsbar.h"
#include "app/mainwindow.h"
#include "app/talkbar.h"
#include "app/valuelabel.h"

namespace app {

void MainWindow::buildToolBar() {
  QToolBar* bar = addToolBar(tr("Tools"));
  m_toolBar = bar;
  bar->setObjectName(QStringLiteral("tools"));
  bar->setMovable(false);
  bar->addAction(findChild<QAction*>(QStringLiteral("file.open")));
  bar->addSeparator();
  bar->addActions(m_presetGroup->actions());
  auto* space = new QWidget;
  space->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  bar->addWidget(space);
  auto* scopeLabel = new QLabel(tr("Order applies to "));
  m_scope = new QComboBox;
  m_scope->setObjectName(QStringLiteral("scope"));
  m_scope->setAccessibleName(tr("Which filters an order typed in the box applies to"));
  m_scope->addItems({tr("this filter"), tr("selected rows"), tr("its layer"), tr("all filters")});
  scopeLabel->setBuddy(m_scope);
  bar->addWidget(scopeLabel);
  bar->addWidget(m_scope);
  m_tolerance = new QDoubleSpinBox;
  m_tolerance->setObjectName(QStringLiteral("tolerance"));
  m_tolerance->setAccessibleName(tr("Tolerance: largest relative error in percent"));
  m_tolerance->setToolTip(tr("Largest relative l2 error a filter may have"));
  m_tolerance->setRange(0.01, 90);
  m_tolerance->setDecimals(2);
  m_tolerance->setValue(10);
  m_tolerance->setSuffix(tr(" %"));
  connect(m_tolerance, &QDoubleSpinBox::valueChanged, this,
          [this](double percent) { m_filters->model()->setTolerance(percent / 100); });
  m_filters->model()->setTolerance(m_tolerance->value() / 100);
  auto* toleranceLabel = new QLabel(tr("  Tolerance "));
  toleranceLabel->setBuddy(m_tolerance);
  bar->addWidget(toleranceLabel);
  bar->addWidget(m_tolerance);
  bar->addAction(findChild<QAction*>(QStringLiteral("plan.tolerance")));

  addToolBarBreak();
  m_stripBar = addToolBar(tr("Fit"));
  m_stripBar->setObjectName(QStringLiteral("fit"));
  m_stripBar->setMovable(false);
  m_strip->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  m_stripBar->addWidget(m_strip);

  addToolBarBreak();
  m_talkBar = addToolBar(tr("Talk"));
  m_talkBar->setObjectName(QStringLiteral("talk"));
  m_talkBar->setMovable(false);
  m_talk = new TalkBar(m_document, m_analyst, m_generation);
  m_talk->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  m_talkBar->addWidget(m_talk);
  m_talkBar->hide();
  m_talkBar->setContextMenuPolicy(Qt::PreventContextMenu);

  addToolBarBreak();
  QToolBar* message = addToolBar(tr("Message"));
  message->setObjectName(QStringLiteral("message"));
  message->setMovable(false);
  m_banner = new Banner;
  m_banner->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  message->addWidget(m_banner);
  message->hide();
  connect(m_banner, &Banner::needed, message, &QToolBar::setVisible);
  for (QToolBar* fixed : {bar, m_stripBar, message}) fixed->setContextMenuPolicy(Qt::PreventContextMenu);
}

void MainWindow::buildStatusBar() {
  m_totals = new ValueLabel(0);
  m_totals->setObjectName(QStringLiteral("totals"));
  m_totals->setToolTip(tr("State of one sequence as recurrence, and the cache of the convolution over the full window, in "
                          "float32; the speed-up is foretold from the bytes that a token must move, weights included"));
  m_totals->setContentsMargins(12, 0, 0, 0);
  statusBar()->addWidget(m_totals, 1);
  statusBar()->addPermanentWidget(new JobsBar(m_jobs));
  statusBar()->setSizeGripEnabled(false);
}

}  // namespace app
