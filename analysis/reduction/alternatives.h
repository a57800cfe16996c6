// Other forms of a distilled model than one recurrence with poles of its own, to be compared with it at equal cost: a few
// exact taps beside a recurrence (firsttaps.h), or poles shared with neighbours (joint.h).
#pragma once

#include <complex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/task.h"

namespace analysis {

struct Alternative {
  std::string_view name;      // "shared-16": for command lines and files
  std::string_view title;     // for people
  std::string_view source;    // paper
  std::string_view cost;      // of the fit
  int filtersPerPoleSet = 0;  // neighbours that share poles; wholeBank: all; 0: exact first taps
};

inline constexpr int wholeBank = -1;

// In the order in which they should be listed. Valid for the life of the program.
std::span<const Alternative> alternatives();
// Null for an unknown name.
const Alternative* alternativeNamed(std::string_view name);

struct AlternativeFit {
  std::vector<double> impulse;  // on the window
  double errorRelative = 0;     // ||h - h^|| / ||h||
  double spectralRadius = 0;
  std::vector<std::complex<double>> poles;  // of the recurrence; closed under conjugation
  int order = 0;                // real states of the recurrence
  bool recurrence = true;       // a single one of that order: the certificate of the order bounds its error
  std::string remark;           // what it keeps and what it saves, one sentence
};

// At the cost of a recurrence of `order` states: exact first taps take as many multiply-adds per token
// (1 + 3 order), shared poles the same states with fewer numbers to store. Deterministic. Throws as bestSplit and
// fitTogether.
AlternativeFit fitAlternative(const Alternative&, const Checkpoint&, FilterId, int order, const Task& = {});

}  // namespace analysis
