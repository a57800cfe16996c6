// The kernel of S4 with its low-rank part (Gu et al. 2022, Efficiently Modeling Long Sequences with Structured State
// Spaces, sections 3.2 and C; state-spaces/s4, SSMKernelDPLR).
#pragma once

#include <complex>
#include <span>
#include <vector>

namespace analysis {

// One system, half of its N states: the other half are the conjugates. A = diag(a) - P P^*, over all N states.
struct LowRankSystem {
  std::vector<std::complex<double>> a, b, c;         // [N/2]
  std::vector<std::vector<std::complex<double>>> p;  // [rank][N/2]
  double step = 0;                                   // dt of the bilinear rule
  // Files that were trained at a kernel length store C (I - dA^length) in place of C; 0: C itself.
  int storedLength = 0;
};

// h[t] = C dA^t dB, dA = (I - dt/2 A)^-1 (I + dt/2 A), dB = (I - dt/2 A)^-1 dt B. The powers are walked through, not
// diagonalised: the eigenvectors of S4's A are too ill-conditioned. O(N rank L), and O(N^3 log length) once when
// storedLength is set. Throws Error(numerical) when a matrix of the rule is singular.
void lowRankResponse(const LowRankSystem&, std::span<double> taps);

}  // namespace analysis
