// Every action of the window in one list: what the palette finds, the key sheet prints and the tests walk through.
#pragma once

#include <QAction>
#include <QList>

class QMenuBar;

namespace widgets {
class Plot;
}

namespace app {

// The actions of the menus, in the order of the menus, then those of `plot` (null: none). Each carries its menu's title
// (or "Plot") as the property "category", which the palette shows and searches. O(actions).
QList<QAction*> listedActions(const QMenuBar&, const widgets::Plot* plot);

// Those that have a key, for the sheet: no recent files, which have a key each and no lasting name.
QList<QAction*> keyedActions(const QList<QAction*>&);

}  // namespace app
