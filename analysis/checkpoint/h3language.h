// The language model around the filters of H3 (checkpoints page 3.5): the frame of safari.
#pragma once

#include "analysis/checkpoint/survey.h"

namespace analysis {

// Banks lie two a layer (shift, diagonal), layers of attention have none. Fills survey.model when every weight is
// there.
void surveyH3Language(Survey&, int layers, int lengthSamples);

}  // namespace analysis
