// What every test of the shown window begins with.
#pragma once
#include <QAction>
#include <QCoreApplication>
#include <QSettings>
#include <QStandardPaths>
#include <QTest>
#include <memory>

#include "app/appearance.h"
#include "app/mainwindow.h"

namespace shownwindow {

// Milliseconds until a wait for work in the background is given up; sanitized code is many times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int kPatience = 1'800'000;
#else
inline constexpr int kPatience = 180'000;
#endif

inline QString sample() {
  return QStringLiteral(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
}

// Empty settings of this test's own, and the light theme.
inline void prepare(const char* testName) {
  QStandardPaths::setTestModeEnabled(true);
  QCoreApplication::setOrganizationName(QStringLiteral("polecat-test"));
  QCoreApplication::setApplicationName(QString::fromLatin1(testName));
  QSettings().clear();
  app::appearance::apply(widgets::Scheme::Light);
}

// A window of this size on the screen; null if it did not come up.
inline std::unique_ptr<app::MainWindow> show(QSize size) {
  auto window = std::make_unique<app::MainWindow>();
  window->resize(size);
  window->show();
  if (!QTest::qWaitForWindowExposed(window.get(), kPatience)) window.reset();
  return window;
}

// True once the window has the model and the fit of the filter it selects.
inline bool waitForFit(app::MainWindow& window) {
  return QTest::qWaitFor([&] { return window.document().checkpoint() && window.analyst().fit(); }, kPatience);
}

inline bool openSample(app::MainWindow& window) {
  window.open(sample());
  return waitForFit(window);
}

// The action of this object name; null if there is none.
inline QAction* action(app::MainWindow& window, const char* name) {
  for (QAction* candidate : window.actionsListed())
    if (candidate->objectName() == QLatin1String(name)) return candidate;
  return nullptr;
}

}  // namespace shownwindow
