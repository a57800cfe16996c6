// Sets of poles closed under conjugation, and where they come from: eigenvalues and polynomial roots.
#pragma once

#include <Eigen/Core>
#include <complex>
#include <span>
#include <vector>

#include "analysis/reduction/methods/method.h"

namespace analysis {

// Radii outside of which a pole is no longer fitted: below, the mode is a single tap with an exploding residue.
inline constexpr double smallestLogRadius = -7;
inline constexpr double largestLogRadius = -1e-9;

// A closed set, each pair named by its member in the upper half plane.
struct ConjugatePoles {
  std::vector<std::complex<double>> pairs;
  std::vector<double> reals;

  int order() const { return static_cast<int>(2 * pairs.size() + reals.size()); }
  Poles all() const;  // upper, lower, upper, lower, ..., reals
};

// Rebuilds exact symmetry: the upper half plane decides; |Im| <= 1e-12 |lambda| counts as real.
ConjugatePoles conjugatePoles(std::span<const std::complex<double>>);

// Poles outside the unit circle are reflected (radius r -> 1/r), then every radius is clipped to the limits above.
ConjugatePoles stabilised(ConjugatePoles);
Poles stabilised(const Poles&);

// Eigenvalues of a general real matrix, balanced first (Parlett and Reinsch 1969). O(10 n^3).
// Throws Error(numerical) when the matrix is not finite or the iteration does not converge.
Poles eigenvalues(Eigen::MatrixXd);

// Roots of z^d + c[0] z^(d-1) + ... + c[d-1] as eigenvalues of the companion matrix. O(10 d^3).
Poles polynomialRoots(std::span<const double> c);

// c of the monic polynomial z^d + c[0] z^(d-1) + ... with these roots, factors in Leja order against the growth of
// rounding errors (Reichel 1991). O(d^2).
std::vector<double> polynomialFromRoots(const ConjugatePoles&);

// The real block-diagonal matrix with these eigenvalues: [[a, b], [-b, a]] for a pair a +- ib.
Eigen::MatrixXd realDiagonal(const ConjugatePoles&);
// The input vector that goes with it: (2, 0) for a pair, 1 for a real pole, so that an output row (Re R, Im R) | R
// gives the sum of R/(z - lambda) over all poles.
Eigen::VectorXd realInput(const ConjugatePoles&);

}  // namespace analysis
