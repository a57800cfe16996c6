// The recurrence in second-order sections: stepModal and promptModal of kernels.h with the coefficients of
// sectionCoefficients() (engine/tables.h) in ModalView::coefficients.
#pragma once

#include "engine/cuda/kernels.h"

namespace engine::cuda {

void stepSections(const MixerStep&, const ModalView&, Type, const Launch&);
void promptSections(const MixerPrompt&, const ModalView&, Type, const Launch&);

}  // namespace engine::cuda
