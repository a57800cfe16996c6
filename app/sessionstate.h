// Everything a person decided about a model and how they looked at it: a plain value, saved as a session and journalled
// while they work.
#pragma once

#include <QByteArray>
#include <QString>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"

namespace app {

struct SavedBank {
  std::string path;         // of the module: rows are found again by it
  std::vector<int> orders;  // one per channel
  std::vector<int> locked;  // channels, ascending

  bool operator==(const SavedBank&) const = default;
};

struct SavedPlot {
  std::string name;  // "impulse"
  bool logX = false, logY = false;
  // Low and high of x, then of y; none while the plot shows everything.
  std::optional<std::array<double, 4>> ranges;
  std::vector<std::pair<double, double>> marks;

  bool operator==(const SavedPlot&) const = default;
};

struct SavedGeneration {
  QString prompt;
  int tokens = 512, batch = 1;
  qint64 seed = 1;
  double temperature = 0.8;
  int topK = 0;
  double topP = 1;
  QString transformer;  // a file, the word "random", or empty for no such lane
  QString device;       // "cpu", "cuda:0"; empty: automatic

  bool operator==(const SavedGeneration&) const = default;
};

struct SavedEffect {
  QString text;  // file; empty: the sample's
  int windows = 4;
  double toleranceBits = 0.01;

  bool operator==(const SavedEffect&) const = default;
};

// What counts as an error: a band, or the input on a text; neither: every frequency alike.
struct SavedFitWeight {
  double low = 0, high = 0;
  QString text;

  bool operator==(const SavedFitWeight&) const = default;
};

struct SavedReference {
  std::string pinned;  // name of the filter laid under the others; empty: none
  QString file;        // second checkpoint; empty: none

  bool operator==(const SavedReference&) const = default;
};

struct SessionState {
  QString checkpoint;   // absolute path
  QString fingerprint;  // see fingerprint(); empty while not known
  analysis::Choices choices;  // how the file is read where it leaves a choice; also the axes of a tensor used as filters
  std::vector<SavedBank> banks;
  std::string selection;  // name of the filter
  double tolerancePercent = 10;
  SavedFitWeight fitWeight;
  int scope = 0;                         // what an order applies to: this filter, rows, layer, all
  std::vector<std::string> methods;      // compared
  int preset = 0;                        // Filters, Order, Speed
  QString search;                        // of the table
  int sortColumn = 0;
  bool sortDescending = false;
  std::vector<std::string> switches;     // names of checkable actions that are on
  int spectrumQuantity = 0;
  std::vector<SavedPlot> plots;
  QByteArray layout;  // of docks and tool bars, QMainWindow::saveState
  SavedGeneration generation;
  SavedEffect effect;
  SavedReference reference;

  bool operator==(const SessionState&) const = default;
};

}  // namespace app
