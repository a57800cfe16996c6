// The families that can be recognised: one function each, tried in this order.
#pragma once

#include "analysis/checkpoint/survey.h"

namespace analysis {

// Each looks for its key pattern; when it is there, fills banks, sources, model and report and returns true. A tensor
// that is missing or misshapen is reported and disables only what needs it. O(number of tensors), but a stored copy of
// the embedding is compared with it. They throw Error(input) for variants that must be refused by name.

// Two multi-head Hyena operators and a gated linear unit per layer.
bool readMultiHyena(Survey&);
// Language models in the frame of HazyResearch/safari (norm, mixer, norm, MLP): Hyena, HyenaDNA, Hyena-RTF, GPT, and
// mixtures.
bool readSafari(Survey&);
// H3: a shift and a diagonal system per layer.
bool readH3(Survey&);
// StripedHyena, Evo 1, Evo 2.
bool readStripedHyena(Survey&);
// The Transformer of GPT-NeoX and Pythia: no filters, a language model to compare with.
bool readNeoX(Survey&);
// Diagonal state-space layers, wherever they lie.
bool readS4(Survey&);
// LongConv and H3Conv, wherever they lie.
bool readLongConvolutions(Survey&);
// A transfer function alone: ab and h_0.
bool readBareRtf(Survey&);
bool readSpectraLds(Survey&);
// What `distill` wrote.
bool readExportedModels(Survey&);
// What is left: filters.<path>, else every real array with an axis of at least 16. Last.
bool readGenericBanks(Survey&);

}  // namespace analysis
