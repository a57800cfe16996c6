// The recurrence of MultiHyena's heads in second-order sections.
#include "engine/cuda/headmodes.cuh"

namespace engine::cuda {

void stepHeadSections(const MixerStep& step, const HeadsView& h, Type type, const Launch& where) {
  type == Type::float32 ? stepHeadModes<float, Section>(step, h, where) : stepHeadModes<Half, Section>(step, h, where);
}

void promptHeadSections(const MixerPrompt& prompt, const HeadsView& h, Type type, const Launch& where) {
  type == Type::float32 ? promptHeadModes<float, Section>(prompt, h, where)
                        : promptHeadModes<Half, Section>(prompt, h, where);
}

}  // namespace engine::cuda
