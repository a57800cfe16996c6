// Tiny models of other families as files, and their logits in float64 by direct sums from the same numbers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "oracle.h"

struct FrameFile {
  struct Tensor {
    std::vector<std::int64_t> shape;
    std::vector<float> values;
  };
  std::string name;
  std::map<std::string, Tensor> tensors;
  std::string configuration;  // config.json
  int vocabulary = 0;
};

// "evo", "striped" (grouped keys, silu, other norm form), "evo2", "h3", "neox", "neox serial", all with two heads. Seeded.
// frameLogits() takes the sizes given here.
FrameFile frameFile(const std::string& name, int width = 8, int inner = 12);

// `responses(bank, filter)`: a replacement for one filter's taps, or empty. `half`: matrices rounded to bfloat16.
Rows frameLogits(const FrameFile&, const std::vector<int>& tokens, bool half,
                 const std::function<std::vector<double>(int bank, int filter)>& responses);
