// How far a long computation is, on stderr, for a person who watches a terminal.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "analysis/task.h"

namespace commandline {

// One line "fitting 120/512 filters, 14.2 filters/s, 28 s left", redrawn at most ten times a second and wiped at the
// end. Prints nothing when stderr is no terminal.
class Progress {
 public:
  // `total` units make up the whole, for example 512 "filters".
  Progress(std::string label, double total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Its fraction of `total` is shown; may be used from several threads, also after this object is gone.
  analysis::Task task(std::stop_token) const;
  // The same for loops that count themselves.
  void show(double done) const;

 private:
  struct State;
  std::shared_ptr<State> m_state;
};

// "0.8 s", "14 s", "3 min 20 s", "2 h 5 min".
std::string duration(double seconds);

}  // namespace commandline
