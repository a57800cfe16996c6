// What an engine needs to know to run a checkpoint as a language model: sizes, blocks and where each weight lies.
// Weights are named by canonical keys (prefixes such as "model." and "backbone." stripped).
#pragma once

#include <string>
#include <vector>

namespace analysis {

enum class MixerKind { hyena, multiHyena, attention };
enum class TokenizerKind { bytes, dna, unknown };

struct BlockDescription {
  MixerKind mixer = MixerKind::hyena;
  std::string prefix;      // canonical key of the block: "layers.0"
  std::vector<int> banks;  // Checkpoint::banks() in order of use; empty for attention
};

struct LanguageModel {
  std::string family;            // "hyena", "hyena-rtf", "multihyena", "gpt"
  int width = 0;                 // dm
  int innerWidth = 0;            // MLP (for GLU: the width of one half)
  int vocabularySize = 0;        // ids that may be sampled
  int vocabularyPadded = 0;      // rows of the embedding
  int trainingLengthTokens = 0;  // Lmax, or the number of learned positions
  int hyenaOrder = 2;            // the operator's own order, o-1 long filters
  int heads = 0;                 // MultiHyena or attention heads; 0 where there are none
  int shortFilterTaps = 3;
  int positions = 0;  // rows of the position embedding; 0: none
  double layerNormEpsilon = 1e-5;
  bool tiedHead = true;  // false: the head is lm_head.weight
  TokenizerKind tokenizer = TokenizerKind::unknown;
  std::vector<BlockDescription> blocks;
};

}  // namespace analysis
