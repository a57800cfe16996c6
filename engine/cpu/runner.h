// The forward pass on the CPU.
#pragma once

#include <memory>

#include "engine/cpu/team.h"
#include "engine/runner.h"

namespace engine::cpu {

// Allocates everything. Throws Error(unsupported) when the model cannot run in the workload's mode.
std::unique_ptr<Runner> makeRunner(std::shared_ptr<const Model>, const Workload&, std::shared_ptr<Team>);

}  // namespace engine::cpu
