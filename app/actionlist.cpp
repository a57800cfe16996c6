#include "app/actionlist.h"

#include <QMenu>
#include <QMenuBar>

#include "widgets/commandpalette.h"
#include "widgets/plot.h"

namespace app {

namespace {

void collect(const QList<QAction*>& actions, const QString& category, QList<QAction*>& out) {
  for (QAction* action : actions) {
    if (action->menu()) {
      const QString inner = widgets::actionName(*action);
      collect(action->menu()->actions(), category.isEmpty() ? inner : category + QStringLiteral(" · ") + inner, out);
    } else if (!action->isSeparator()) {
      action->setProperty("category", category);
      out << action;
    }
  }
}

}  // namespace

QList<QAction*> listedActions(const QMenuBar& bar, const widgets::Plot* plot) {
  QList<QAction*> out;
  collect(bar.actions(), {}, out);
  if (plot) collect(plot->actions(), QMenuBar::tr("Plot"), out);
  return out;
}

QList<QAction*> keyedActions(const QList<QAction*>& actions) {
  QList<QAction*> out;
  for (QAction* action : actions)
    if (!action->shortcut().isEmpty() && !action->objectName().startsWith(QLatin1String("recent."))) out << action;
  return out;
}

}  // namespace app
