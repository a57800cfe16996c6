// What a file means as a recurrence, and whether the filters read from it do the same as convolutions.
#pragma once

#include <QTemporaryDir>
#include <algorithm>
#include <cmath>
#include <complex>
#include <string>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "tests/analysis/tensorwriters.h"

namespace recurrences {

// y = f u + Re sum R s + sum c x, then s <- lambda s + u, x <- shifted x, with u in front.
struct Model {
  double feedthrough = 0, skip = 0;
  std::vector<std::complex<double>> poles, residues;
  std::vector<double> delayed;  // c: the taps after the first

  // h[t] = Re sum c p^t for t >= 0, rewritten.
  void add(std::complex<double> p, std::complex<double> c) {
    feedthrough += c.real();
    poles.push_back(p);
    residues.push_back(c * p);
  }
  static Model delayLine(const std::vector<double>& taps, double skip) {
    Model model;
    model.feedthrough = taps[0];
    model.delayed.assign(taps.begin() + 1, taps.end());
    model.skip = skip;
    return model;
  }
};

struct Case {
  const char* title;
  std::string bytes;
  const char* file;
  std::vector<Model> channels;
  analysis::Choices choices;
  int bank = 0;
  const char* family;
  std::string beside = {}, besideFile = {};  // a second file; the folder is opened
};

// Runs every channel over 300 random inputs, token by token and by direct sums of the taps read from the file, in
// float64. Empty when all agree to 1e-10 of the largest output, else what differs.
inline std::string disagreement(const Case& given) {
  QTemporaryDir folder;
  writers::save(folder.filePath(given.file), given.bytes);
  const bool pair = !given.besideFile.empty();
  if (pair) writers::save(folder.filePath(QString::fromStdString(given.besideFile)), given.beside);
  const auto checkpoint =
      analysis::Checkpoint::open((pair ? folder.path() : folder.filePath(given.file)).toStdString(), {}, given.choices);
  if (checkpoint->report().family != given.family) return "the family is " + checkpoint->report().family;
  const int channels = checkpoint->banks().at(std::size_t(given.bank)).channels;
  if (channels != int(given.channels.size())) return "there are " + std::to_string(channels) + " channels";
  for (std::size_t c = 0; c < given.channels.size(); ++c) {
    const std::string where = "channel " + std::to_string(c) + ": ";
    const auto filter = checkpoint->filter({given.bank, int(c)});
    const Model& model = given.channels[c];
    if (filter->skip != model.skip) return where + "the skip is " + std::to_string(filter->skip);
    const auto u = writers::randomNumbers(300, 100 + unsigned(c));
    std::vector<std::complex<double>> state(model.poles.size());
    std::vector<double> line(model.delayed.size());
    if (!line.empty() && filter->taps.size() != line.size() + 1) return where + "it does not end where the line does";
    double largest = 0, worst = 0;
    for (std::size_t t = 0; t < u.size(); ++t) {
      double sum = 0;
      for (std::size_t k = 0; k <= t && k < filter->taps.size(); ++k) sum += filter->taps[k] * double(u[t - k]);
      double stepped = model.feedthrough * double(u[t]);
      for (std::size_t n = 0; n < state.size(); ++n) {
        stepped += (model.residues[n] * state[n]).real();
        state[n] = model.poles[n] * state[n] + double(u[t]);
      }
      for (std::size_t n = 0; n < line.size(); ++n) stepped += model.delayed[n] * line[n];
      if (!line.empty()) {
        std::shift_right(line.begin(), line.end(), 1);
        line[0] = u[t];
      }
      largest = std::max(largest, std::abs(sum));
      worst = std::max(worst, std::abs(sum - stepped));
    }
    if (!(worst <= 1e-10 * largest)) return where + std::to_string(worst / largest) + " of the largest output";
  }
  return {};
}

}  // namespace recurrences
