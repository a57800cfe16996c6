#include "app/window.h"

#include <QApplication>
#include <QIcon>

#include "app/appearance.h"
#include "app/mainwindow.h"

namespace app {

int runWindow(int& argc, char** argv, const QStringList& files) {
  QApplication application(argc, argv);
  QApplication::setApplicationName(QStringLiteral("polecat"));
  QApplication::setOrganizationName(QStringLiteral("polecat"));
  QApplication::setApplicationDisplayName(QStringLiteral("Polecat"));
  QApplication::setApplicationVersion(QStringLiteral(POLECAT_VERSION));
  QApplication::setDesktopFileName(QStringLiteral("org.polecat.Polecat"));
  appearance::apply(appearance::stored());
  QApplication::setWindowIcon(QIcon(QStringLiteral(":/polecat/icons/polecat.svg")));
  MainWindow window;
  window.show();
  // One model at a time: the first file is shown.
  if (!files.isEmpty()) window.open(files.front());
  return QApplication::exec();
}

}  // namespace app
