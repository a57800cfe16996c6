// Poles from the leading eigenvectors of a Hankel matrix.
#pragma once

#include <Eigen/Core>
#include <span>

#include "analysis/reduction/methods/method.h"
#include "analysis/response/lanczos.h"

namespace analysis {

// Sequences beyond this many samples are box-averaged before their Hankel matrix is decomposed.
inline constexpr int longestHankel = 65536;

// Leading eigenpairs, converged, without those below 1e-13 of the largest (rounding noise of a finite-rank sequence).
Eigenpairs significantEigenpairs(const HankelOperator&, int count, const Task&);

// Balanced truncation of the finite impulse response g: eig of V^T (shift) V with V the leading eigenvectors of the
// zero-padded Hankel matrix. |lambda| <= 1. O((2 order + 32) rounds (M log M + M order)).
Poles balancedPoles(std::span<const double> g, int order, const Task&);

// Kung's method on the half window, no zero padding. Recovers exact models; may leave the circle. Half the cost.
Poles kungPoles(std::span<const double> g, int order, const Task&);

}  // namespace analysis
