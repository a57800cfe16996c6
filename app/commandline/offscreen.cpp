#include "app/commandline/offscreen.h"

#include <QApplication>
#include <iostream>

namespace commandline {

std::unique_ptr<QApplication> makeOffscreenApplication() {
  qputenv("QT_QPA_PLATFORM", "offscreen");
  qputenv("QT_FONT_DPI", "96");
  qputenv("QT_SCALE_FACTOR", "1");
  qInstallMessageHandler([](QtMsgType type, const QMessageLogContext&, const QString& text) {
    // Remarks on the desktop's environment mean nothing to somebody who has none.
    if (type == QtCriticalMsg || type == QtFatalMsg) std::cerr << text.toStdString() << '\n';
  });
  static int count = 1;
  static char name[] = "polecat";
  static char* arguments[] = {name, nullptr};
  return std::make_unique<QApplication>(count, arguments);
}

}  // namespace commandline
