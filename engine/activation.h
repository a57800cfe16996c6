// What stands between the two layers of an MLP. No other header here: the CUDA kernels read it too. Internal to engine.
#pragma once

namespace engine {

enum class Activation { geluTanh, geluErf, silu, identity, sigmoid };

}  // namespace engine
