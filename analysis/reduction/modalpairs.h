// Distilled filters in the form that StripedHyena's loader reads (its load_poles_residues): for each block a file of
// poles and one of residues. That form is h[t] = Re sum_n r_n p_n^t for t >= 0, in complex64, one member of each
// conjugate pair, the same number of modes for every channel, and without a feedthrough of its own.
#pragma once

#include <complex>
#include <filesystem>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/reduction/distilled.h"

namespace analysis {

// One block: poles and residues [modes, channels] as the file holds them, and the skip D' [channels] that makes h[0]
// right: D' = D + feedthrough - Re sum r.
struct ModalPairs {
  int block = 0;
  int modes = 0, channels = 0;
  std::vector<std::complex<float>> poles, residues;
  std::vector<float> skip;
};

// From modes of statespace.h: p = lambda; r = 2 R / lambda for a pair, R / lambda for a real pole. A channel that keeps
// its original takes that one's own poles and residues. Unused places hold p = 0.5, r = 0. Throws Error(output) for
// what the form cannot hold: a pole with |lambda| < 1e-3 (r grows as 1/|lambda| and float32 loses h[0]), two operators in
// a block, and a channel that is neither distilled nor modal.
std::vector<ModalPairs> modalPairs(const Distilled&, const Checkpoint&);

// Writes approx_poles_{b+1}.pt, approx_residues_{b+1}.pt and approx_D_{b+1}.pt for every block b into `folder`, which
// is made when it does not exist. The last is ours: the official loader does not touch filter.D, whoever uses it must
// assign it, and set state_size to the number of modes. All files or none are replaced. Throws Error(output).
void writeModalPairs(const std::vector<ModalPairs>&, const std::filesystem::path& folder);

}  // namespace analysis
