// Rational transfer functions b/a (the parametrisation of RTF checkpoints) and their conversions to modes and back.
//   H(z) = feedthrough + (b_1 z^-1 + ... + b_d z^-d) / (1 + a_1 z^-1 + ... + a_d z^-d)
#pragma once

#include <vector>

#include "analysis/reduction/statespace.h"

namespace analysis {

struct Rational {
  double feedthrough = 0;
  std::vector<double> numerator;    // b_1..b_d
  std::vector<double> denominator;  // a_1..a_d

  int order() const { return static_cast<int>(denominator.size()); }
  // Taps 0..length-1 by the recurrence. O(length d).
  std::vector<double> impulseResponse(int length) const;
  // Taps as RTF layers make them: division of two FFTs of `length` points, which gives the PERIODISED response
  // sum_j h[t + j length]. O(length log length). Throws Error(input) when length <= order.
  std::vector<double> periodicKernel(int length) const;
};

// Largest relative movement of a pole per relative error of the coefficients:
// max_k sum_j |a_j lambda_k^(d-j)| / (|lambda_k| |a'(lambda_k)|); infinite for a double pole. O(d^2).
double rootCondition(const StateSpace&);

// Multiplies the modes out, factors in Leja order. O(d^3). Throws Error(numerical) when rootCondition times the
// rounding unit `epsilon` of the format that shall hold the coefficients exceeds `tolerance`: poles of smooth filters
// crowd at z = 1, where coefficients no longer determine them.
Rational toRational(const StateSpace&, double tolerance, double epsilon = 2.2204460492503131e-16);

// Poles by companion eigenvalues, residues b(lambda) / a'(lambda). With periodLength > 0 the result reproduces taps
// 1..periodLength-1 of periodicKernel(periodLength): residues over 1 - lambda^L. O(d^3).
// Throws Error(input) unless there are as many b as a, Error(numerical) when a pole is not stable or
// two coincide exactly.
StateSpace toModal(const Rational&, int periodLength = 0);

}  // namespace analysis
