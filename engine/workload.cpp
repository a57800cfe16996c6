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
    case Prefill::toeplitz:
      return "toeplitz";
    case Prefill::scan:
      return "scan";
    case Prefill::chunkedModal:
      return "chunked modal";
    case Prefill::stateFree:
      return "state-free";
  }
  return "unknown";
}

std::vector<Prefill> prefillWays(Mixer mixer, bool heads) {
  switch (mixer) {
    case Mixer::convolutionLazy:
      if (heads) return {Prefill::toeplitz};
      return {Prefill::fft, Prefill::toeplitz};
    case Mixer::convolutionTiled:
      return {Prefill::fft, Prefill::toeplitz};
    case Mixer::modal:
    case Mixer::companion:
      if (heads) return {Prefill::scan};
      return {Prefill::scan, Prefill::chunkedModal, Prefill::stateFree};
    case Mixer::modalBlocked:
      if (heads) return {Prefill::chunkedModal};
      return {Prefill::scan, Prefill::chunkedModal, Prefill::stateFree};
    case Mixer::attention:
      return {Prefill::scan};
  }
  return {};
}

}  // namespace engine
