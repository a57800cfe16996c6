// Sizes of a language model, as far as memory and work depend on them.
#pragma once

#include <vector>

namespace engine {

struct BlockShape {
  enum class Kind { hyena, multiHyena, attention } kind = Kind::hyena;
  int filters = 0;            // long filters of the block (channels x operators)
  int states = 0;             // real states of all its filters when distilled (0: not distilled)
  int modes = 0;              // stored modes: conjugate pairs + real poles
  int keptFilters = 0;        // filters without a model in a distilled block: they stay convolutions
  long long stateFloats = 0;  // what the modal recurrence stores per sequence, padding of groups included
  int places = 0;             // channels of modal tables: filters rounded up to whole groups of 16 per bank
  long long tableFloats = 0;  // poles, residues and order of the modal recurrence, kept filters excluded
};

struct Shape {
  int layers = 0;
  int width = 0;
  int innerWidth = 0;
  int vocabulary = 0;  // rows of the embedding
  int positions = 0;   // rows of the position embedding
  bool tiedHead = true;
  bool distilled = false;
  int filterLengthTokens = 0;
  int shortFilterTaps = 3;
  int hyenaOrder = 2;
  int heads = 0;      // MultiHyena or attention; 0: plain Hyena
  int headWidth = 1;  // N of MultiHyena; 1: plain Hyena
  std::vector<BlockShape> blocks;
};

}  // namespace engine
