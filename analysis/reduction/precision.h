// Models in fewer bits: what is rounded first is what the recurrence is sensitive to, and the residues are fitted to the
// rounded poles (reduction page, section 15.5).
#pragma once

#include "analysis/reduction/fit.h"
#include "analysis/reduction/poleset.h"
#include "analysis/reduction/target.h"

namespace analysis {

// Of log(-p) and w, of residues and feedthrough.
enum class Precision { float64, float32, bfloat16 };

int bytesPerNumber(Precision);
// The nearest number of that precision, ties to even.
double rounded(double, Precision);
// Poles whose log(-p) and w are numbers of that precision; they stay inside the limits of fitting.
PoleSet rounded(const PoleSet&, Precision);

// The model of `poles` as it would be stored: poles rounded, residues fitted to the rounded ones, rounded themselves,
// and the feedthrough too. `refit` false: the residues of the poles as they were, to see what fitting them saves.
// errorRelative is that of what is stored, the feedthrough's included. O(M d).
Fit storedFit(const Target&, const PoleSet& poles, Precision, bool refit = true);

// The largest w / |p| of a pair: how many radians its angle turns while it decays by e. A relative rounding of u moves
// its angle by u Q decay times; beyond u Q of about one half the mode is another one.
double largestQuality(const PoleSet&);

}  // namespace analysis
