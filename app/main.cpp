// Where the program starts: a verb goes to the command line, everything else to the window.
#include <QHashSeed>
#include <QStringList>

#include "app/commandline/commandline.h"
#include "app/window.h"

int main(int argc, char** argv) {
  // The plots' library keeps its axes in a hash and draws their grids in its order: a figure shall have the same bytes
  // every time it is made.
  QHashSeed::setDeterministicGlobalSeed();
  if (commandline::isRequested(argc, argv)) return commandline::run(argc, argv);
  QStringList files;
  for (int i = 1; i < argc; ++i) files << QString::fromLocal8Bit(argv[i]);
  return app::runWindow(argc, argv, files);
}
