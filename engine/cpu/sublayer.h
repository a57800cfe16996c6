// One step of a block: residual += f(norm(residual)). A model on the CPU is a list of these.
#pragma once

#include "engine/buffer.h"
#include "engine/cpu/context.h"
#include "engine/snapshot.h"

namespace engine::cpu {

// Scratch that all sublayers of a session share; nothing in it outlives a call.
struct Workspace {
  int pieceRows = 0;      // rows of `normed` and `hidden`
  Buffer<float> normed;   // [pieceRows, width]
  Buffer<float> streams;  // [rows, widest projection]
  Buffer<float> mixed;    // [rows, width]
  Buffer<float> hidden;   // [pieceRows, widest MLP]
  Buffer<float> input;    // [rows, width], of blocks whose halves stand beside each other
};

class Sublayer {
 public:
  virtual ~Sublayer() = default;
  virtual void reset() {}
  // Saves or restores what it remembers.
  virtual void archive(StateArchive&) {}
  // See LongMemory.
  virtual bool incremental() const { return true; }
  // residual [batch, width]: one token of every sequence.
  virtual void step(Context&, int position, int batch, float* residual) = 0;
  // residual [tokens, width]: tokens of one sequence, the first at `position`. Returns early when stopped.
  virtual void prefill(Context&, int sequence, int position, int tokens, float* residual) = 0;
};

}  // namespace engine::cpu
