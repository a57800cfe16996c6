// Drawing without a display.
#pragma once

#include <memory>

class QApplication;

namespace commandline {

// An application that opens no display and draws the same figure wherever it runs; remarks on the desktop's environment
// are kept to itself. One at a time.
std::unique_ptr<QApplication> makeOffscreenApplication();

}  // namespace commandline
