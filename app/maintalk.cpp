// Talk mode of the window: full screen, large type, nothing that is not for the back row; and the way back.
#include <QAction>
#include <QActionGroup>
#include <QDockWidget>
#include <QMenuBar>
#include <QScreen>
#include <QStatusBar>
#include <QTableView>
#include <QTimer>
#include <QToolBar>

#include "app/appearance.h"
#include "app/effectpanel.h"
#include "app/filterpanel.h"
#include "app/fitstrip.h"
#include "app/generationpanel.h"
#include "app/mainwindow.h"
#include "app/talkbar.h"

namespace app {

void MainWindow::setTalking(bool on) {
  if (on == m_talking || (on && !m_document.checkpoint())) return;
  m_talking = on;
  const QAction* checked = m_presetGroup->checkedAction();
  const auto preset = static_cast<Preset>(checked ? m_presetGroup->actions().indexOf(checked) : 1);
  if (on) {
    m_presetBeforeTalk = preset;
    m_layoutBeforeTalk = saveState();
    m_statesBeforeTalk = windowState();
    m_geometryBeforeTalk = geometry();
  }
  // Nothing stands in the large type that is not meant for it: the window would grow beyond the screen.
  if (!on) {
    m_talkBar->hide();
    appearance::apply(appearance::stored());
    m_strip->updateGeometry();  // its bar, hidden so far, remembers the size of the large type
  }
  for (QWidget* chrome : {static_cast<QWidget*>(menuBar()), static_cast<QWidget*>(m_toolBar),
                          static_cast<QWidget*>(m_stripBar), static_cast<QWidget*>(statusBar())})
    chrome->setVisible(!on);
  for (QDockWidget* dock : findChildren<QDockWidget*>()) dock->titleBarWidget()->setVisible(!on);
  m_generate->setTalking(on);
  m_effect->setTalking(on);
  if (on) {
    appearance::applyTalk();
    setWindowState(windowState() | Qt::WindowFullScreen);
    showPreset(preset == Preset::filters ? Preset::order : preset);
    if (m_document.filterCount() > 0)  // no room for tables at this size
      for (QDockWidget* dock : {m_compareDock, m_bankDock, m_settingsDock, m_tensorsDock}) dock->hide();
  } else {
    setWindowState(m_statesBeforeTalk);
    restoreState(m_layoutBeforeTalk);
    if (m_filtersDock->isVisible()) m_filters->table()->setFocus(Qt::OtherFocusReason);  // not what comes next: Cancel
    // Once the small type is laid out: until then the least size is that of the large one, and a window that had to
    // grow does not shrink by itself.
    QTimer::singleShot(0, this, [this] {
      if (m_talking) return;
      const QSize room = screen()->availableSize();
      if (!(m_statesBeforeTalk & (Qt::WindowMaximized | Qt::WindowFullScreen))) {
        setGeometry(m_geometryBeforeTalk);
      } else if (width() > room.width() || height() > room.height()) {
        setWindowState(Qt::WindowNoState);
        resize(room);
        setWindowState(m_statesBeforeTalk);
      }
    });
    m_presetGroup->actions().at(static_cast<int>(m_presetBeforeTalk))->setChecked(true);
  }
  m_talkAction->setChecked(on);
}

}  // namespace app
