#include <QAction>
#include <QApplication>
#include <QMap>
#include <QStringList>

#include "app/actionlist.h"
#include "app/commandline/documentation.h"
#include "app/commandline/offscreen.h"
#include "app/mainwindow.h"
#include "widgets/commandpalette.h"

namespace commandline {

std::string keyPage() {
  const auto application = makeOffscreenApplication();
  const app::MainWindow window;
  QStringList menus;  // in the order of the window
  QMap<QString, QStringList> rows;
  for (const QAction* action : app::keyedActions(window.actionsListed())) {
    const QString menu = action->property("category").toString();
    if (!rows.contains(menu)) menus << menu;
    rows[menu] << QStringLiteral("| `%1` | %2 | %3 |\n")
                      .arg(action->shortcut().toString(QKeySequence::PortableText), widgets::actionName(*action),
                           action->statusTip());
  }
  QString page = QStringLiteral(
      "# Keys\n\n"
      "Every action of the window that has a key. `?` shows them in the program; `Ctrl+Shift+P` finds any action by a few\n"
      "letters of its name, whether it has a key or not.\n");
  for (const QString& menu : menus)
    page += QStringLiteral("\n## %1\n\n| key | action | what it does |\n|---|---|---|\n").arg(menu) + rows[menu].join(QString());
  return page.toStdString();
}

}  // namespace commandline
