#include "engine/workload.h"

namespace engine {

std::string_view name(Mixer mixer) {
  switch (mixer) {
    case Mixer::convolutionLazy:
      return "convolution";
    case Mixer::convolutionTiled:
      return "convolution tiled";
    case Mixer::modal:
      return "modal";
    case Mixer::modalBlocked:
      return "modal blocked";
    case Mixer::companion:
      return "companion";
    case Mixer::attention:
      return "attention";
  }
  return "unknown";
}

std::string_view name(Prefill prefill) {
  switch (prefill) {
    case Prefill::automatic:
      return "automatic";
    case Prefill::fft:
      return "fft";
    case Prefill::scan:
      return "scan";
  }
  return "unknown";
}

}  // namespace engine
