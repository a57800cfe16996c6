// Starting the workbench: what `polecat` does without a verb.
#pragma once

#include <QStringList>

namespace app {

// Creates the application, opens the window with `files` (or the start page) and runs until it is closed. Returns the
// exit code. Needs a display unless QT_QPA_PLATFORM says otherwise.
int runWindow(int& argc, char** argv, const QStringList& files);

}  // namespace app
