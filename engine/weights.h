// Weights of a language model, in the order the engine computes with. Internal to engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/activation.h"
#include "engine/bfloat16.h"
#include "engine/buffer.h"
#include "engine/model.h"
#include "engine/panels.h"
#include "engine/shape.h"

namespace engine {

// Numbers that were never written down: scale * uniform in [-1, 1), element i being number i of SplitMix64 (presets.cpp)
// from `state`.
struct RandomFill {
  std::uint64_t state = 0;
  float scale = 0;
};

// y = x weight^T + bias
struct Linear {
  int inputs = 0, outputs = 0;
  Buffer<float> weight;   // in panels (panels.h); empty when it is
  Buffer<Bfloat16> half;  // in bfloat16
  Buffer<float> bias;     // [outputs], or empty
  std::optional<RandomFill> random = {};  // instead of either: made on the device that uses them

  // The weights of one output.
  void row(int output, float* to) const {
    if (half.size() > 0)
      panelRow(half, output, inputs, to);
    else
      panelRow(weight, output, inputs, to);
  }
};

// LayerNorm: (x - mean) / sqrt(variance + eps) * scale + shift, biased variance. Without shift: RMS norm,
// x / sqrt(mean x^2 + eps) * scale, or x / (sqrt(mean x^2) + eps) * scale with epsOutside.
struct Norm {
  Buffer<float> scale, shift;
  float eps = 1e-5F;
  bool epsOutside = false;
};

// Depthwise causal convolution y_t = bias + sum_j taps[j] x_(t-j); taps [K, channels], newest input first.
struct ShortFilter {
  int taps = 0, channels = 0;
  Buffer<float> weight, bias;
};

// What stands before and after the long convolutions of Hyena (order+1 streams of `width` channels: gates x_0 ..
// x_(order-1), then v) or MultiHyena (x_0, x_1, v). Channels of a head lie together in every stream. H3: streams q, v,
// k without a first gate, q diagonal * (v (shift * k)).
struct ConvolutionOperator {
  Linear in, out;
  ShortFilter shortFilter;
  Norm norm;               // before `in`
  Norm innerNorm;          // MultiHyena: before `out`; scale empty otherwise
  std::vector<int> banks;  // into Model::Weights::filters, in order of use
  bool firstGate = true;   // false: the last stream alone enters the first filter
};

struct Attention {
  Norm norm;
  Linear qkv, out;  // rows q | k | v, each head after head
  int heads = 0;
  int keyValueHeads = 0;  // consecutive query heads share one
  // Rotary embedding: pairs (j, j + d/2) of the first d entries of each query and key turn by
  // position / scale * base^(-2j/d). 0: none.
  int rotaryDimensions = 0;
  double rotaryBase = 10000, rotaryScale = 1;
};

// out(f(in(norm x))). Gated, [a | b] = in(norm x): out(a sigmoid(b)) for the sigmoid, else out(f(a) b).
struct Mlp {
  Norm norm;
  Linear in, out;
  bool gated = false;
  Activation activation = Activation::geluTanh;
};

struct Block {
  BlockShape::Kind kind = BlockShape::Kind::hyena;
  std::vector<ConvolutionOperator> operators;  // one, or two for MultiHyena; empty for attention
  std::vector<Attention> attention;            // one for attention, else empty
  Mlp mlp;
  bool parallel = false;  // attention and MLP both read the block's input
};

// The filters of one bank as the file means them. Taps lie newest lag last, so that a dot product with the inputs in
// time order is a convolution: reversed[c][length-1-t] = h_c[t].
struct FilterBank {
  std::string path;
  int channels = 0, length = 0;
  int sharedBy = 1;        // neighbouring channels that share one stored filter
  Buffer<float> reversed;  // [channels, length]
  Buffer<float> skip;      // [channels]
};

struct Model::Weights {
  std::string family;
  int width = 0, vocabulary = 0, vocabularySize = 0, heads = 0;
  Linear embedding;         // [vocabulary, width]; also the head when `head` is empty
  Buffer<float> positions;  // [positions, width], or empty
  int positionCount = 0;
  Linear head;  // outputs == 0: tied
  Norm finalNorm;
  std::vector<Block> blocks;
  std::vector<FilterBank> filters;
  std::size_t weightBytes = 0;            // everything but the filters
  WeightType type = WeightType::float32;  // of the linear layers and the embedding

  const Linear& logitLayer() const { return head.outputs > 0 ? head : embedding; }
};

}  // namespace engine
