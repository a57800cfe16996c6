// The poles of a model while it is being fitted: log-poles, pairs first, without residues.
// Its real basis is u_k[n] = Re e^{s_k n} for every row k and v_k[n] = Im e^{s_k n} for the pairs, in this order:
// u_0..u_{rows-1}, v_0..v_{pairs-1}. As many functions as real states.
#pragma once

#include <Eigen/Core>
#include <complex>
#include <span>
#include <vector>

#include "analysis/reduction/statespace.h"

namespace analysis {

// Where a pole may lie. Below radius 1e-3 a mode is a single tap and its residue explodes; on the circle nothing
// decays.
struct PoleLimits {
  double fastest = -7.0;      // lower bound of the decay rate p
  double slowest = -1.01e-9;  // upper bound
};

struct PoleSet {
  std::vector<std::complex<double>> logPoles;  // pairs (0 < w < pi), then real poles (w = 0 or pi)
  int pairs = 0;

  int rows() const { return static_cast<int>(logPoles.size()); }
  int order() const { return rows() + pairs; }

  // Eigenvalues of a real matrix. Poles outside the unit circle are reflected (radius r -> 1/r), then clipped.
  static PoleSet fromEigenvalues(std::span<const std::complex<double>>, const PoleLimits& = {});
  static PoleSet of(const StateSpace&);

  // Moves every pole inside the limits and folds the angles of pairs into (0, pi).
  void clip(const PoleLimits& = {});
  void addPair(std::complex<double> logPole);
  void addReal(double decay, bool negative);
  // Without the rows listed.
  PoleSet without(std::span<const int> rows) const;

  // Second-order groups for removal: every pair, then real poles two by two along the axis; an odd one stands alone.
  std::vector<std::vector<int>> groups() const;

  // The model with c_u u + c_v v = R e^{sn} + conjugate, R = (c_u - i c_v) / 2 for a pair, R = c_u for a real pole.
  StateSpace model(double feedthrough, const Eigen::VectorXd& coefficients) const;
  // g^[0..length-1] of the coefficients, without the feedthrough; one column for each of theirs.
  Eigen::MatrixXd synthesis(const Eigen::MatrixXd& coefficients, Eigen::Index length) const;
  // The basis itself, length x order(). For small problems and checks.
  Eigen::MatrixXd basis(Eigen::Index length) const;
};

}  // namespace analysis
