// Weights of a language model in float32, in the order the engine computes with. Internal to engine.
#pragma once

#include <string>
#include <vector>

#include "engine/buffer.h"
#include "engine/model.h"
#include "engine/shape.h"

namespace engine {

// y = x weight^T + bias
struct Linear {
  int inputs = 0, outputs = 0;
  Buffer<float> weight;  // [outputs, inputs]
  Buffer<float> bias;    // [outputs], or empty
};

// LayerNorm: (x - mean) / sqrt(variance + eps) * scale + shift, biased variance. Without shift: RMS norm,
// x / sqrt(mean x^2 + eps) * scale.
struct Norm {
  Buffer<float> scale, shift;
  float eps = 1e-5F;
};

// Depthwise causal convolution y_t = bias + sum_j taps[j] x_(t-j); taps [K, channels], newest input first.
struct ShortFilter {
  int taps = 0, channels = 0;
  Buffer<float> weight, bias;
};

// What stands before and after the long convolutions of Hyena (order+1 streams of `width` channels: gates x_0 ..
// x_(order-1), then v) or MultiHyena (x_0, x_1, v). Channels of a head lie together in every stream.
struct ConvolutionOperator {
  Linear in, out;
  ShortFilter shortFilter;
  Norm norm;               // before `in`
  Norm innerNorm;          // MultiHyena: before `out`; scale empty otherwise
  std::vector<int> banks;  // into Model::Weights::filters, in order of use
};

struct Attention {
  Norm norm;
  Linear qkv, out;  // rows q | k | v, each head after head
  int heads = 0;
};

// GELU: out(gelu(in(norm x))). Gated: out(a sigmoid(b)), [a | b] = in(norm x).
struct Mlp {
  Norm norm;
  Linear in, out;
  bool gated = false;
};

struct Block {
  BlockShape::Kind kind = BlockShape::Kind::hyena;
  std::vector<ConvolutionOperator> operators;  // one, or two for MultiHyena; empty for attention
  std::vector<Attention> attention;            // one for attention, else empty
  Mlp mlp;
};

// The filters of one bank as the file means them. Taps lie newest lag last, so that a dot product with the inputs in
// time order is a convolution: reversed[c][length-1-t] = h_c[t].
struct FilterBank {
  std::string path;
  int channels = 0, length = 0;
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
  std::size_t weightBytes = 0;  // everything but the filters

  const Linear& logitLayer() const { return head.outputs > 0 ? head : embedding; }
};

}  // namespace engine
