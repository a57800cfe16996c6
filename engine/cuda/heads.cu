// The modal recurrence of MultiHyena's heads, plain.
#include "engine/cuda/headmodes.cuh"

namespace engine::cuda {

void stepHeads(const MixerStep& step, const HeadsView& h, Type type, const Launch& where) {
  type == Type::float32 ? stepHeadModes<float, Slot>(step, h, where) : stepHeadModes<Half, Slot>(step, h, where);
}

void promptHeads(const MixerPrompt& prompt, const HeadsView& h, Type type, const Launch& where) {
  type == Type::float32 ? promptHeadModes<float, Slot>(prompt, h, where) : promptHeadModes<Half, Slot>(prompt, h, where);
}

}  // namespace engine::cuda
