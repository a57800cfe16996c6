// The families that can be recognised: one reader each. knownfamilies.cpp lists them in the order in which they are
// tried; each reader declares the families it can tell apart beside the code that tells them.
#pragma once

#include <span>

#include "analysis/checkpoint/knownfamilies.h"
#include "analysis/checkpoint/survey.h"

namespace analysis {

// read() looks for its key pattern; when it is there, fills banks, sources, model and report and returns true. A tensor
// that is missing or misshapen is reported and disables only what needs it. O(number of tensors), but a stored copy of
// the embedding is compared with it. Throws Error(input) for variants that must be refused by name.
struct FamilyReader {
  bool (*read)(Survey&);
  std::span<const KnownFamily> families;
};

// A tensor that the choice "bank" names, whatever the file is.
extern const FamilyReader chosenTensorReader;
// What `distill` wrote.
extern const FamilyReader exportedModelsReader;
// What it wrote for StripedHyena: poles and residues as files of their own.
extern const FamilyReader modalPairReader;
// Two multi-head Hyena operators and a gated linear unit per layer.
extern const FamilyReader multiHyenaReader;
// Language models in the frame of HazyResearch/safari (norm, mixer, norm, MLP): Hyena, HyenaDNA, Hyena-RTF, GPT, and
// mixtures.
extern const FamilyReader safariReader;
// H3: a shift and a diagonal system per layer.
extern const FamilyReader h3Reader;
// StripedHyena, Evo 1, Evo 2.
extern const FamilyReader stripedHyenaReader;
// The Transformer of GPT-NeoX and Pythia: no filters, a language model to compare with.
extern const FamilyReader neoxReader;
// S4 and S4D layers, wherever they lie.
extern const FamilyReader s4Reader;
// LongConv and H3Conv, wherever they lie.
extern const FamilyReader longConvolutionReader;
// A transfer function alone: ab and h_0.
extern const FamilyReader bareRtfReader;
extern const FamilyReader spectraLdsReader;
// What is left: filters.<path>, else every real array with an axis of at least 16. Last.
extern const FamilyReader genericBankReader;

// In the order in which they are tried.
std::span<const FamilyReader* const> familyReaders();

}  // namespace analysis
