// Sizes of a language model, as far as memory and work depend on them.
#pragma once

#include <vector>

namespace engine {

struct BlockShape {
  enum class Kind { hyena, multiHyena, attention } kind = Kind::hyena;
  int filters = 0;         // long filters of the block (channels x operators)
  int states = 0;          // real states of all its filters when distilled (0: not distilled)
  int modes = 0;           // stored modes: conjugate pairs + real poles
};

struct Shape {
  int layers = 0;
  int width = 0;
  int innerWidth = 0;
  int vocabulary = 0;        // rows of the embedding
  int filterLengthTokens = 0;
  int shortFilterTaps = 3;
  int hyenaOrder = 2;
  int headWidth = 1;         // N of MultiHyena; 1: plain Hyena
  std::vector<BlockShape> blocks;
};

}  // namespace engine
