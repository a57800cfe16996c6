// Sizes of a language model, as far as memory and work depend on them.
#pragma once

#include <vector>

namespace engine {

struct BankShape {
  int filters = 0;  // channels
  int length = 0;   // taps
  int kept = 0;     // of a distilled model: channels that stay convolutions
};

struct BlockShape {
  enum class Kind { hyena, multiHyena, attention } kind = Kind::hyena;
  int filters = 0;            // long filters of the block (channels x operators)
  int states = 0;             // real states of all its filters when distilled (0: not distilled)
  int modes = 0;              // stored modes: conjugate pairs + real poles
  int keptFilters = 0;        // filters without a model in a distilled block: they stay convolutions
  long long stateFloats = 0;  // what the modal recurrence stores per sequence, padding of groups included
  int places = 0;             // channels of modal tables: filters rounded up to whole groups of 16 per bank
  long long tableFloats = 0;  // poles, residues and order of the modal recurrence, kept filters excluded
  std::vector<BankShape> banks;
  // Counted from the weights of a model; 0 (of a shape alone): as plain Hyena, MultiHyena or GPT blocks have them.
  long long matrixValues = 0, otherValues = 0;
  int streamWidth = 0;    // outputs of the widest input projection
  int hiddenWidth = 0;    // of the MLP, both halves of a gated one
  int keyValueWidth = 0;  // of the keys of attention
  bool parallel = false;  // attention and MLP beside each other
};

struct Shape {
  int layers = 0;
  int width = 0;
  int innerWidth = 0;
  int vocabulary = 0;  // rows of the embedding
  int positions = 0;   // rows of the position embedding
  bool tiedHead = true;
  bool distilled = false;
  bool halfWeights = false;                     // matrices in bfloat16
  long long matrixValues = 0, otherValues = 0;  // outside the blocks, counted
  int filterLengthTokens = 0;
  int shortFilterTaps = 3;
  int hyenaOrder = 2;
  int heads = 0;      // MultiHyena or attention; 0: plain Hyena
  int headWidth = 1;  // N of MultiHyena; 1: plain Hyena
  std::vector<BlockShape> blocks;
};

}  // namespace engine
