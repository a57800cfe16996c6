// The recurrence in second-order sections.
#include "engine/cuda/sections.h"

#include "engine/cuda/modes.cuh"

namespace engine::cuda {

void stepSections(const MixerStep& step, const ModalView& m, Type type, const Launch& where) {
  type == Type::float32 ? stepModes<float, Section>(step, m, where) : stepModes<Half, Section>(step, m, where);
}

void promptSections(const MixerPrompt& prompt, const ModalView& m, Type type, const Launch& where) {
  type == Type::float32 ? promptModes<float, Section>(prompt, m, 0, where)
                        : promptModes<Half, Section>(prompt, m, 0, where);
}

}  // namespace engine::cuda
