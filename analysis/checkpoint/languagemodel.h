// What an engine needs to know to run a checkpoint as a language model: sizes, blocks and where each weight lies.
// Weights are named by canonical keys (prefixes such as "model." and "backbone." stripped).
#pragma once

#include <string>
#include <vector>

namespace analysis {

enum class MixerKind { hyena, multiHyena, attention, h3 };
// Whose names the weights have, and what stands around a mixer: safari (also GPT and H3), StripedHyena (Evo 1 and 2),
// GPT-NeoX.
enum class ModelFrame { safari, striped, neox };
// Of an MLP. A gated one multiplies it with its other half.
enum class Activation { geluTanh, geluErf, silu, identity };
// Rows of a Hyena projection: x_0 | x_1 | v; the three of each head in turn; the three of each channel in turn.
enum class StreamLayout { contiguous, perHead, interleaved };
enum class TokenizerKind { bytes, dna, unknown };

struct BlockDescription {
  MixerKind mixer = MixerKind::hyena;
  std::string prefix;                            // canonical key of the block: "layers.0"
  std::vector<int> banks;                        // Checkpoint::banks() in order of use; empty for attention
  Activation activation = Activation::geluTanh;  // of the MLP
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
  ModelFrame frame = ModelFrame::safari;
  StreamLayout streams = StreamLayout::contiguous;
  bool gatesExchanged = false;    // x_0 and x_1 change places
  int keyValueHeads = 0;          // attention; 0: as many as heads. Fewer: consecutive query heads share
  bool attentionPerHead = false;  // rows of Wqkv are q, k, v of each head in turn, not all q, all k, all v
  int rotaryDimensions = 0;       // of each head's q and k, the first ones; 0: no rotary embedding
  double rotaryBase = 10000, rotaryScale = 1;
  bool parallelResidual = false;    // attention and MLP both read the block's input
  bool normEpsilonOutside = false;  // RMS norm: epsilon added to the root, not below it
  std::vector<BlockDescription> blocks;
};

}  // namespace analysis
