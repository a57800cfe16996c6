// A modal state-space model of one filter:
//   h^[0] = feedthrough,   h^[t] = sum_k R_k lambda_k^(t-1) for t >= 1,
// poles closed under conjugation, so the sum is real. One Mode stands for a real pole or for a conjugate pair.
#pragma once

#include <complex>
#include <span>
#include <vector>

namespace analysis {

// lambda = exp(logPole). Log-poles keep full precision near the unit circle, where lambda itself has none left.
struct Mode {
  std::complex<double> logPole;  // (decay rate p < 0 per sample, angle w): pair 0 < w < pi; real pole w = 0 or pi
  std::complex<double> residue;  // R of the pole in the upper half plane; real for a real pole
  bool pair = false;             // true: the conjugate pole with the conjugate residue belongs to it

  std::complex<double> pole() const { return std::exp(logPole); }
  int order() const { return pair ? 2 : 1; }
};

struct StateSpace {
  double feedthrough = 0;   // h[0], exact
  std::vector<Mode> modes;  // pairs first, then real poles; slowest first inside each

  // Number of real states (McMillan degree); a conjugate pair counts 2.
  int order() const;
  // Papers that count complex modes of which the real part is taken: pairs and real poles count 1 each.
  int complexModes() const { return static_cast<int>(modes.size()); }
  // h^[0..length-1]. O(length * modes), float64, by a two-level table of powers.
  std::vector<double> impulseResponse(int length) const;
  // The contribution of one mode to taps 0..length-1 (tap 0 is 0).
  std::vector<double> modeResponse(int mode, int length) const;
  // Both members of each pair adjacent (upper first), then the real poles.
  std::vector<std::complex<double>> poles() const;
  std::vector<std::complex<double>> residues() const;  // same order as poles()
  // Largest |lambda|; 0 without modes.
  double spectralRadius() const;
  // ||h^[length..inf)||_2 in closed form.
  double tailNorm(int length) const;
  // max_n sum_k |R_k| |lambda_k|^n / max |h^|: how much the modes cancel each other; 1 is none, and never less.
  double cancellation(int length) const;

  // Puts modes into the order stated above, slowest first; ties by angle.
  void sortModes();

  // From a full closed set (for example a file). Poles within 1e-12 relative of the real axis are real;
  // lambda = 0 is a pure delay. Throws Error(input) when the set is not closed under conjugation (to 1e-6, for float32
  // files) or a pole is not strictly stable.
  static StateSpace fromPoles(double feedthrough, std::span<const std::complex<double>> poles,
                              std::span<const std::complex<double>> residues);
};

}  // namespace analysis
