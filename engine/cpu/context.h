// What every operation of a forward pass is handed: the threads, scratch for each of them, and the wish to stop.
#pragma once

#include <stop_token>

#include "engine/buffer.h"
#include "engine/cpu/team.h"

namespace engine::cpu {

struct Context {
  Team& team;
  Buffer<float>& scratch;  // team.size() x scratchFloats
  std::size_t scratchFloats = 0;
  std::stop_token stop;

  float* scratchOf(int thread) { return scratch.data() + static_cast<std::size_t>(thread) * scratchFloats; }
  bool stopped() const { return stop.stop_requested(); }
};

}  // namespace engine::cpu
