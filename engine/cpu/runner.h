// The forward pass on the CPU.
#pragma once

#include <memory>
#include <vector>

#include "engine/cpu/observed.h"
#include "engine/cpu/team.h"
#include "engine/runner.h"

namespace engine::cpu {

// Allocates everything. Throws Error(unsupported) when the model cannot run in the workload's mode.
// `observed`: one per bank, for a runner that adds up the inputs of whole windows (see observed.h); it must outlive it.
std::unique_ptr<Runner> makeRunner(std::shared_ptr<const Model>, const Workload&, std::shared_ptr<Team>,
                                   const std::vector<std::unique_ptr<InputSums>>* observed = nullptr);

}  // namespace engine::cpu
