// Where everything lies in the two blocks of device memory that the CUDA engine reserves: one for a model's weights,
// shared by its sessions, one for each session. Pure arithmetic on shapes: the prediction and the allocation are the
// same numbers. Internal to engine.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "engine/footprint.h"
#include "engine/shape.h"
#include "engine/workload.h"

namespace engine {

// A part of a block of device memory, in bytes; begins on 256.
struct CudaPart {
  std::size_t offset = 0, bytes = 0;
};

// Heads, of MultiHyena or attention: wider ones have kernels of their own; the widest that there are.
inline constexpr int cudaNarrowHead = 256, cudaWidestHead = 8192;

// Matrices in the plan's type, [outputs, inputs], both padded to multiples of 8; norms and short filters in float32.
struct CudaWeights {
  struct Linear {
    CudaPart weight, bias;
    CudaPart normProducts;  // [2, outputs] float32, where cudaCarriesNorms(): of the norm before it, see kernels.h
    int inputs = 0, outputs = 0;
  };
  struct Norm {
    CudaPart scale, shift;
  };
  struct Mixer {
    Norm norm, innerNorm;             // innerNorm: of MultiHyena
    Linear in, out;
    CudaPart shortWeight, shortBias;  // [taps, columns], [columns] of the streams
  };
  struct Block {
    std::array<Mixer, 2> mixers;  // the second of MultiHyena alone
    Norm mlpNorm;
    Linear mlpIn, mlpOut;  // a gated MLP: both halves of mlpIn are padded
    int keyStride = 0;     // attention: padded width of the keys, which are fewer than queries where heads share them
  };
  std::vector<Block> blocks;
  Linear embedding, head;  // head.outputs == 0: tied
  CudaPart headBias, positions;
  Norm finalNorm;
  std::size_t bytes = 0;
};

// A block of MultiHyena has two operators, an operator of H3 or of a higher Hyena order several convolutions one after
// the other: each part below holds the first's, then the second's ...; a sequence's state has all.
struct CudaSession {
  // Steps of the convolution: how many channels and sequences a block of threads has, how many blocks share the lags.
  struct Lazy {
    static constexpr int channels = 64;
    int sequences = 1, splits = 1;
    int blocks = 0;  // that have channels and sequences of their own
  };
  struct Block {
    CudaPart taps, coefficients, order, direct, groups, powers, blockTaps;  // tables
    CudaPart history, state, responses, inputs;                             // state
    // cache: inputs, or rows of key and value of MultiHyena; or keys, values; or the sums and inputs of tiles.
    CudaPart cache, values;
    // A recurrent block's channels without a model stay a convolution: their taps and inputs lie in `taps` and `cache`.
    CudaPart keptChannels;  // [keptStride] the channel of each, -1: padding; as many for each of several convolutions
    int keptStride = 0;
    Lazy lazy;
  };
  std::vector<Block> blocks;
  CudaPart residual, normed, streams, mixed, hidden, gated, logits, scores, best, partial, arrived;
  CudaPart prompt, next, kept, control, library;  // workspace
  CudaPart normSums, normCentres;  // of norms that products of few rows carry, see kernels.h
  CudaPart thresholds;  // of top-k and top-p, for each sequence
  CudaPart passed, identity;  // of several convolutions: gate, one and input of the next; the short filter that keeps them
  CudaPart alone;  // of steps in one kernel (batch 1, modal): 256 bytes, exchanged numbers, a table of all channels
  static constexpr std::size_t aloneBytesPerPlace = 40;
  int stride = 0;                                 // padded width
  int innerStride = 0;
  int vocabularyStride = 0;
  int paddedHeadWidth = 0;           // of MultiHyena
  int paddedAttentionWidth = 0;      // of a head of attention
  int rows = 0;        // of a piece of a prompt, over all sequences in it
  int pieceTokens = 0;  // at most, of one sequence
  int lags = 0, ring = 0;
  int splits = 1, splitTokens = 0;  // of the key-value cache; see kernels.h
  int keptSteps = 0;                // rows of `kept`: as many as may have begun
  std::size_t tableBytes = 0, stateBytes = 0, cacheBytes = 0, workspaceBytes = 0;
  std::size_t bytes = 0;
};

// Few rows, and blocks whose norms lie between two products of theirs: see CarriedNorm of kernels.h.
inline constexpr int cudaCarriedPart = 64, cudaMostCarriedRows = 64;
bool cudaCarriesNorms(const Shape&, const Workload&);

// Sides of the tiles of the tiled convolution, see engine/cuda/tiled.h.
inline constexpr int cudaTileRows = 16, cudaTileWindow = 512;

// Outputs of the input projection of a convolution: the three streams of 16 channels, then of the next 16.
inline constexpr int cudaStreamChannels = 16;
inline constexpr int cudaStreamColumns(int width) {
  return (width + cudaStreamChannels - 1) / cudaStreamChannels * 3 * cudaStreamChannels;
}

// Convolutions of an operator, one after the other: one of plain Hyena, two of H3.
int cudaPasses(const BlockShape&);
// Columns of the streams of a block with several: each stream padded by itself, one behind the other.
int cudaPlainColumns(const BlockShape&, const Shape&);

// Floats that one state of a head of MultiHyena takes: its matrix, an even number for the sake of alignment.
inline std::size_t headEntries(int headWidth) {
  const auto size = static_cast<std::size_t>(headWidth);
  return (size * size + 1) / 2 * 2;
}

// Whether drawing takes a part of the vocabulary only.
inline bool restricts(const Sampling& sampling) {
  return sampling.temperature > 0 && (sampling.topK > 0 || sampling.topP < 1);
}

// bfloat16 unless the workload asks for float32.
std::size_t cudaTypeBytes(const Workload&);
CudaWeights cudaWeights(const Shape&, const Workload&);
CudaSession cudaSession(const Shape&, const Workload&);

// What a session on a GPU needs; the workspace includes what the matrix library is given.
Footprint cudaFootprint(const Shape&, const Workload&);

}  // namespace engine
