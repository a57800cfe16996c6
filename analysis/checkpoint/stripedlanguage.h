// The language model around the filters of StripedHyena and Evo (checkpoints page 3.7 and 3.8).
#pragma once

#include <vector>

#include "analysis/checkpoint/survey.h"

namespace analysis {

// banks: of each block, empty for attention. `second`: StripedHyena 2 (Evo 2). Fills survey.model when every weight is
// there; else the report says what is missing.
void surveyStripedLanguage(Survey&, const std::vector<std::vector<int>>& banks, bool second, int lengthSamples);

}  // namespace analysis
