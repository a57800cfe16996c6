// The passes of one session through a model: which kernels run on which parts of its memory. Nothing here waits or is
// captured; that is the runner's.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "engine/cuda/alone.h"
#include "engine/cuda/heads.h"
#include "engine/cuda/runner.h"
#include "engine/cuda/tiled.h"

namespace engine::cuda {

class Forward {
 public:
  // Allocates the session's memory and copies its tables. Throws Error.
  Forward(std::shared_ptr<Board>, std::shared_ptr<const DeviceWeights>, const CudaProgram&);
  const CudaSession& plan() const { return m_plan; }
  const Launch& where() const { return m_launch; }
  template <class T = char>
  T* at(const CudaPart& part) const {
    return m_memory.at<T>(part.offset);
  }
  void clearStates();
  // Tries the ways to multiply, at every product of step() from now on; overwrites what the session holds.
  void tune(bool on) { m_tuning = on && !m_workload.batchInvariant; }
  // What the coming token does for later outputs of a tiled convolution, beside all that follows: before draw() and step().
  void beginTiles();
  // One token of every sequence, plan().next; then the position advances.
  void step();
  // plan().next from the logits.
  void draw();
  // A piece of prompts, whose tokens lie in plan().prompt; see MixerPrompt. Of which tokens of each sequence the
  // residual stream is there afterwards, row after row: fewer leave the last block most of its work.
  enum class Outputs { none, last, all };
  void prompt(int firstSequence, int sequences, int tokens, int position, Outputs);
  // Logits of residual rows first, first + step ...
  void head(int rows, int first, int step, float* to);
  // The first blocks of a blocked recurrence, after a prompt.
  void startAllBlocks();

 private:
  NormView norm(const CudaWeights::Norm& norm, const Norm& host) const;
  // Before a block's first projection, or behind the last block.
  NormView mixerNorm(std::size_t block, std::size_t op = 0) const;
  NormView mlpNorm(std::size_t block) const {
    return norm(m_weights->plan().blocks[block].mlpNorm, m_host.blocks[block].mlp.norm);
  }
  // A norm of the residual stream, to come or just made, while norms are carried.
  CarriedNorm carried(const NormView&) const;
  void multiply(VectorProduct p);
  VectorProduct describe(int rows, const CudaWeights::Linear& layer, const NormView& norm, const void* x, Finish finish,
                         void* y) const;
  void product(int rows, const CudaWeights::Linear& layer, const NormView& norm, const void* x, Finish finish, void* y) {
    multiply(describe(rows, layer, norm, x, finish, y));
  }
  // To the residual stream, which `next` will norm.
  void add(int rows, const CudaWeights::Linear& layer, const void* x, const NormView& next);
  // Convolutions of a block, whose parts lie one behind the other: the two operators of MultiHyena, the passes of H3.
  std::size_t operators(std::size_t block) const {
    return std::max<std::size_t>(m_host.blocks[block].operators.size(), static_cast<std::size_t>(passes(block)));
  }
  int passes(std::size_t block) const {
    const auto& host = m_host.blocks[block].operators;
    return host.size() == 1 ? static_cast<int>(host[0].banks.size()) : 1;
  }
  template <class T = char>
  T* at(const CudaPart& part, std::size_t block, std::size_t op) const {
    return m_memory.at<T>(part.offset + part.bytes / operators(block) * op);
  }
  ShortView shortFilter(std::size_t block, std::size_t op) const;
  ModalView modal(std::size_t block, std::size_t op) const;
  BlockView blocked(std::size_t block, std::size_t op) const;
  LazyView lazy(std::size_t block, std::size_t op) const;  // of a recurrent block: the channels that stay convolutions
  bool keeps(std::size_t block) const { return m_plan.blocks[block].keptStride > 0; }
  TiledView tiled(std::size_t block, std::size_t op) const;
  void rotate(std::size_t block, const Rotation&) const;
  HeadsView heads(std::size_t block, std::size_t op) const;
  HeadBlocksView headBlocks(std::size_t block, std::size_t op) const;
  HeadCacheView headCache(std::size_t block, std::size_t op) const;
  AttentionView attention(std::size_t block) const;
  void mixStep(std::size_t block, std::size_t op, const VectorProduct& projection);
  PassView passView(std::size_t block) const;
  ShortView identity() const;
  void convolveStep(std::size_t block, std::size_t op, const MixerStep&);
  void convolvePrompt(std::size_t block, std::size_t op, const MixerPrompt&);
  void mixHeads(std::size_t block, std::size_t op, const MixerStep&);
  void mixPrompt(std::size_t block, std::size_t op, const VectorProduct& projection, const MixerPrompt&);
  void openMlp(std::size_t block, int rows);
  void closeMlp(std::size_t block, int rows);
  const char* keepLastRows(int sequences, int tokens);
  template <class Mix>
  void layers(int rows, int sequences, Outputs, Mix&& mix);
  Embedding completed(Embedding) const;
  Embedding nextTokens() const;
  std::optional<AloneStep> wholeStep(const CudaProgram&) const;

  std::shared_ptr<Board> m_board;
  std::shared_ptr<const DeviceWeights> m_weights;
  std::shared_ptr<const Model> m_model;
  const Model::Weights& m_host;
  Workload m_workload;
  CudaSession m_plan;
  Type m_type;
  int m_vocabularySize;
  Launch m_launch;
  bool m_tuning = false;
  int m_carried = 0;  // CarriedNorm::partWidth of what comes with the residual stream; 0: norms have kernels of their own
  DeviceBuffer m_memory;
  std::vector<int> m_mostSlots;
  std::optional<AloneStep> m_alone;  // set: how steps run
  Stream m_beside;                   // for tiles
  Event m_begun, m_added;
};

}  // namespace engine::cuda
