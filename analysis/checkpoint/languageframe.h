// What all language models of the Hyena family share: embedding, positions, last norm, head.
#pragma once

#include "analysis/checkpoint/survey.h"

namespace analysis {

// Fills vocabulary, positions, head, tokenizer and epsilon of `model` (whose width is set). False, with entries in the
// report, when a needed tensor is absent or misshapen. A stored head is compared with the embedding by value.
bool surveyLanguageFrame(Survey&, LanguageModel& model);

}  // namespace analysis
