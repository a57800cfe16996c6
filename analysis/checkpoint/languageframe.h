// What all language models of the Hyena family share: embedding, positions, last norm, head.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analysis/checkpoint/survey.h"

namespace analysis {

// Whether a canonical key is one of the frame around the mixers of safari and H3 (embedding, norms, projections, MLP).
bool isFrameKey(std::string_view key);

// Numbers of heads that a person may choose where no shape tells: those of the usual widths of a head.
std::vector<std::string> headCounts(int width);
// Notes which layers are attention.
void noteAttention(Survey&, const std::vector<bool>& layers);

// Fills vocabulary, positions, head, tokenizer and epsilon of `model` (whose width is set). False, with entries in the
// report, when a needed tensor is absent or misshapen. A stored head is compared with the embedding by value.
bool surveyLanguageFrame(Survey&, LanguageModel& model);

}  // namespace analysis
