// The kernels of a forward pass as functions of host code. Activations and matrices have type T (float or bfloat16 of
// `Type`), sums, norms, residual stream, states and tables are float32. Widths are padded to a multiple of 8 with zero
// weights, so that every row starts on 16 bytes; `stride` is a padded width. Nothing here allocates or waits.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "engine/activation.h"

namespace engine::cuda {

enum class Type { float32, bfloat16 };
inline std::size_t bytesOf(Type type) {
  return type == Type::float32 ? 4 : 2;
}

// Where a kernel goes. Dependent: it may start while the kernel before it ends (programmatic dependent launch, compute
// capability 9.0); every kernel waits for its predecessor itself before it reads anything but weights.
struct Launch {
  cudaStream_t stream = nullptr;
  bool dependent = false;
};

// Lives on the device: what changes from token to token inside one captured graph.
struct Control {
  int position = 0;   // tokens seen so far
  int firstStep = 0;  // position of the first step after a prompt
  int nonFinite = 0;  // 1 + sequence whose logits were not finite; 0: none
  int arrived = 0;    // sequences sampled in this step
};

struct NormView {
  const float* scale = nullptr;  // [width]; null: no norm
  const float* shift = nullptr;  // null: RMS norm
  float eps = 0;
  int width = 0;  // without padding
  bool epsOutside = false;  // see Norm of engine/weights.h
};

// A norm in front of a product of few rows (rows.h) without a kernel of its own. But for two numbers a row it is linear:
//   W norm(x) = multiplier (W scaled - (mean - centre) (W scale)) + W shift.
// What makes the residual stream writes `scaled` and `sums` too, the product that reads `scaled` does the rest. The centre
// is the mean that the row had at the norm before: rows far from zero are rounded by what they are apart from that. An RMS
// norm has mean and centre 0.
struct CarriedNorm {
  NormView norm;  // scale null: none
  void* scaled;   // [rows, stride] bfloat16: (x - centre) scale
  float2* sums;   // [rows, pitch]: of x - centre and of its squares, over partWidth channels
  int partWidth;
  float* centre;          // [rows]; the product that reads `scaled` moves it to the mean
  const float* products;  // [2, outputs] of that product: W scale, W shift
};
__host__ __device__ constexpr int carriedParts(const CarriedNorm& c) {
  return (c.norm.width + c.partWidth - 1) / c.partWidth;
}
__host__ __device__ constexpr int carriedPitch(const CarriedNorm& c) {
  return (carriedParts(c) + 1) / 2 * 2;
}

// ---- weights and rows

// to[r, c] (stride, type T or float32) = from[r, c] of host order (already on the device, float32 [rows, columns]).
void convertRows(const float* from, int rows, int columns, void* to, int stride, Type, const Launch&);
// The same numbers as engine/presets.cpp draws: centre + scale * uniform(-1, 1) of SplitMix64 from state `seed`.
void randomRows(std::uint64_t seed, float scale, float centre, int rows, int columns, void* to, int stride, Type,
                const Launch&);
// to[lag, channel] = reversed[channel, length-1-lag], lag < lags; 0 beyond `length`. Lag 0 gets the skip added.
void transposeTaps(const float* reversed, const float* skip, int channels, int length, int lags, float* to, int stride,
                   const Launch&);
// to: CarriedNorm::products of a matrix [outputs, inputs] of bfloat16.
void multiplyNorm(const NormView&, const void* weight, int outputs, int inputs, float* to, const Launch&);
// residual[row] = embedding[token] + positions[position + row % tokens]. For a norm to come, bfloat16: parts of whole rows.
struct Embedding {
  const std::int32_t* tokens;  // [rows]
  const void* table;           // [vocabulary, stride] T
  const float* positions;      // [positions, stride] or null
  int rows, stride;
  const Control* control;  // decoding: all rows at control->position; null: row r is at `position` + r % tokensPerRow
  int position, tokensPerRow;
  CarriedNorm carried;  // the norm to come
};
void embed(const Embedding&, Type, float* residual, const Launch&);
// to[r] = norm(residual[first + r * step]), T.
void normalizeRows(const NormView&, const float* residual, int rows, int first, int step, int stride, Type, void* to,
                   const Launch&);

// ---- linear layers for few rows

enum class Finish { store, gelu, add, logits };  // T, T, float32 +=, float32
struct VectorProduct {
  int rows, inputs, outputs;  // padded
  const void* weight;         // [outputs, inputs] T
  const void* bias;           // T for store and gelu, float32 otherwise; or null
  const void* x;              // [rows, inputs] T, or float32 when normed
  NormView norm;
  Finish finish;
  void* y;  // [rows, outputs]
  CarriedNorm carried;  // rows.h alone: the norm to come of Finish::add; otherwise the norm of x, which is its `scaled`
};
void multiplyVectors(const VectorProduct&, Type, const Launch&);

// ---- Hyena mixers. `streams` [rows, streamColumns(stride)] T: gates x0, x1, then v; out [rows, stride] T = x0 y. What a
// recurrence's block of threads reads of a row lies together: the streams of 16 channels, then of the next 16.

inline constexpr int streamChannels = 16;
__host__ __device__ constexpr int streamColumns(int stride) {
  return (stride + streamChannels - 1) / streamChannels * 3 * streamChannels;
}
__host__ __device__ constexpr int streamColumn(int stream, int channel) {
  return (channel / streamChannels * 3 + stream) * streamChannels + channel % streamChannels;
}

struct ShortView {
  int taps;
  const float* weight;  // [taps, columns], newest first
  const float* bias;    // [columns]
  void* history;        // [batch, taps - 1, columns] T; the input at position p lies in slot p mod (taps - 1)
};
struct GroupView {  // see ModalGroup
  int pairs, reals;
  std::uint32_t coefficients, state;
};
struct ModalView {
  int groups;
  const GroupView* group;
  const std::int32_t* order;  // channel at each place, -1: none
  const float* direct;
  const float* coefficients;  // as ModalTable
  // Group after group, each [batch, its floats]: pairs as (re, im) per channel, then reals. Of heads: [batch, stateFloats].
  float* state;
  std::size_t stateFloats;
  int batch;
  int mostSlots;  // largest pairs + reals of a group
};
struct BlockView {
  int length, stagger;
  const float* powers;  // as BlockTable
  const float* taps;
  float* responses;  // [groups, length, batch, 16]
  void* inputs;      // the same, T
  bool batchInvariant;  // the same bits for any batch
};
inline constexpr int lazyChannels = 64;  // of a block of threads of a step
struct LazyView {
  const float* taps;  // [lags, stride], skip in lag 0
  void* cache;        // [batch, ring, stride] T
  int lags, ring;
  int stride;                   // of taps and cache
  int sequences;                // of a block of threads: 1, 2 or 4
  int splits;                   // blocks of threads that share the lags
  float* partial;               // [blocks, splits, sequences, lazyChannels]
  int* arrived;                 // [blocks], zero between launches
  const std::int32_t* columns;  // [stride]: the model's channel of each, -1: none; null: all of them in order
};
struct MixerStep {
  int batch, stride;
  const void* streams;
  void* out;
  const Control* control;
  ShortView shortFilter;
};
void stepModal(const MixerStep&, const ModalView&, Type, const Launch&);
void stepBlocked(const MixerStep&, const ModalView&, const BlockView&, Type, const Launch&);
// Batch 1: p, the normed input projection that would write step.streams, and stepModal in one kernel.
void stepModalAlone(const VectorProduct& p, const MixerStep&, const ModalView&, Type, const Launch&);
// The responses of the state at control->position, for every phase to come: once after a prompt.
void startBlocks(const MixerStep&, const ModalView&, const BlockView&, Type, const Launch&);
void stepLazy(const MixerStep&, const LazyView&, Type, const Launch&);

struct MixerPrompt {  // rows: sequence-major, `sequences` x `tokens`, the first token of each at `position`
  int firstSequence, sequences, tokens, position, stride;
  const void* streams;
  void* out;
  ShortView shortFilter;
};
// scan: token after token even where tensor cores can do better.
void promptModal(const MixerPrompt&, const ModalView&, bool scan, Type, const Launch&);
// bfloat16, many tokens at once: how many of the piece's first tokens are done, 0 where it cannot.
int promptChunks(const MixerPrompt&, const ModalView&, const Launch&);
void promptLazy(const MixerPrompt&, const LazyView&, Type, const Launch&);

// Operators with several long convolutions one after the other, rows sequence-major as in MixerPrompt (a step: one token
// each, at control->position). Streams lie one behind the other: gates x0, x1 ..., the last of them the first one's input.
struct PassView {
  int firstSequence, sequences, tokens, position;
  const Control* control;  // of a step, else null
  int passes, streams, stride;
  bool firstGate;         // the stream before the last multiplies the input
  ShortView shortFilter;  // of all streams: [taps, streams * stride], history [batch, taps - 1, streams * stride]
  const void* projected;  // [rows, streams * stride] T
  const void* mixed;      // [rows, stride] T: what the pass before made
  void* passed;           // [rows, streamColumns(stride)] T: for the mixer's kernels, with identityFilter()
};
// Gate, one and input of pass 0, 1 ... into `passed`.
void beginPass(const PassView&, int pass, Type, const Launch&);
// Keeps the last inputs of the short filter; after the last pass.
void keepPassHistory(const PassView&, Type, const Launch&);
// weight 1, bias 0 [columns]: a short filter of one tap that changes nothing.
void identityFilter(float* weight, float* bias, int columns, const Launch&);

// Keeps the last inputs of the short filter; after promptModal, promptLazy or promptTiled.
void keepHistory(const MixerPrompt&, Type, const Launch&);

// ---- attention: streams [rows, stride + 2 keyStride] T: q, k, v, head after head, `headWidth` channels each.

struct AttentionView {
  int heads, headWidth, paddedHeadWidth;
  int keyHeads;   // a divisor of heads: as many neighbouring queries share one
  int keyStride;  // padded width of all keys
  void* keys;     // [batch, keyHeads, capacity, paddedHeadWidth] T
  void* values;
  int capacity;
  int splits, splitTokens;  // splitTokens 0: the tokens so far are divided evenly among the splits
  float* partial;           // [batch, heads, splits, paddedHeadWidth + 2]
  int* arrived;             // [batch, heads], zero between launches
};
void stepAttention(const MixerStep&, const AttentionView&, Type, const Launch&);
void promptAttention(const MixerPrompt&, const AttentionView&, Type, const Launch&);
// Turns queries and keys of `streams` in place before either, see Attention of engine/weights.h.
struct Rotation {
  void* streams;
  int rows, stride;        // of the model, padded
  const Control* control;  // decoding: all rows at control->position; null: row r at `position` + r % tokensPerRow
  int position, tokensPerRow;
  int dimensions;
  double base, scale;
};
void rotate(const Rotation&, const AttentionView&, Type, const Launch&);

// ---- MLP: to [rows, width] = f(a), or of rows [a | b] f(a) b, for the sigmoid a sigmoid(b); T, `width` padded. `to` may
// be `from` unless it is gated.
void activateRows(const void* from, int rows, int width, Activation, bool gated, void* to, Type, const Launch&);

// ---- sampling

struct Drawing {
  const float* logits;  // [batch, stride]
  int batch, stride, vocabulary;
  double temperature;  // 0: greedy
  std::uint64_t seed;
  std::int32_t* next;  // [batch]
  std::int32_t* kept;  // [steps, batch] or null: a copy in row `row`
  int row;
  float* scores;       // [batch, parts]
  std::int32_t* best;  // [batch, parts]
  Control* control;
  int topK;     // 0: all
  double topP;  // 1: all
  std::uint64_t* thresholds;  // [batch], unless all are allowed: who is at least as likely as this, see draw.cu
};
inline constexpr int drawingParts = 16;
// Greedy: lowest id of the largest logit. Otherwise top-k, top-p and Gumbel-max with the noise of engine/sampling.h.
void draw(const Drawing&, const Launch&);
// ++control->position.
void advance(Control*, const Launch&);

}  // namespace engine::cuda
