// Impulse responses as a file other programs read.
#pragma once

#include <filesystem>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"

namespace commandline {

// Writes `filters.<module path>`, float32 [channels, L], for every bank: taps 0..L-1 without the skip, in safetensors;
// or, where the name ends in .npy, the one bank there is as an array. lengthSamples 0: each bank's own length, else at
// most that. One bank is in memory at a time. Throws analysis::Error, Stopped.
void writeTaps(const analysis::Checkpoint&, const std::filesystem::path& target, int lengthSamples,
               const analysis::Task& = {});

}  // namespace commandline
