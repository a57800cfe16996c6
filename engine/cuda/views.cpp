// What kernels are told of the parts of a session's memory.
#include "engine/cuda/forward.h"
#include "engine/cuda/rows.h"
#include "engine/cuda/wideheads.h"

namespace engine::cuda {

NormView Forward::mixerNorm(std::size_t block, std::size_t op) const {
  if (block == m_host.blocks.size()) return norm(m_weights->plan().finalNorm, m_host.finalNorm);
  const Block& host = m_host.blocks[block];
  return norm(m_weights->plan().blocks[block].mixers[op].norm,
              host.attention.empty() ? host.operators[op].norm : host.attention[0].norm);
}

CarriedNorm Forward::carried(const NormView& norm) const {
  static_assert(carriedPart == cudaCarriedPart && mostStreamedRows == cudaMostCarriedRows);
  return {norm, at(m_plan.normed), at<float2>(m_plan.normSums), m_carried, at<float>(m_plan.normCentres), nullptr};
}

ShortView Forward::shortFilter(std::size_t block, std::size_t op) const {
  const CudaWeights::Mixer& weights = m_weights->plan().blocks[block].mixers[op];
  return {m_host.blocks[block].operators[op].shortFilter.taps, m_weights->at<float>(weights.shortWeight),
          m_weights->at<float>(weights.shortBias), at(m_plan.blocks[block].history, block, op)};
}

// Of an operator with several convolutions, all but its rows.
PassView Forward::passView(std::size_t block) const {
  const ConvolutionOperator& host = m_host.blocks[block].operators[0];
  const CudaWeights::Mixer& weights = m_weights->plan().blocks[block].mixers[0];
  PassView view{};
  view.passes = passes(block);
  view.stride = m_plan.stride;
  view.streams = weights.in.outputs / view.stride;
  view.firstGate = host.firstGate;
  view.shortFilter = {host.shortFilter.taps, m_weights->at<float>(weights.shortWeight),
                      m_weights->at<float>(weights.shortBias), at(m_plan.blocks[block].history)};
  view.projected = at(m_plan.streams);
  view.mixed = at(m_plan.mixed);
  view.passed = at(m_plan.passed);
  return view;
}

ShortView Forward::identity() const {
  const float* weight = at<float>(m_plan.identity);
  return {1, weight, weight + streamColumns(m_plan.stride), nullptr};
}

ModalView Forward::modal(std::size_t block, std::size_t op) const {
  const CudaSession::Block& b = m_plan.blocks[block];
  ModalView view{};
  view.groups = static_cast<int>(b.groups.bytes / sizeof(GroupView) / operators(block));
  view.group = at<GroupView>(b.groups, block, op);
  view.order = at<std::int32_t>(b.order, block, op);
  view.direct = at<float>(b.direct, block, op);
  view.coefficients = at<float>(b.coefficients);
  view.state = at<float>(b.state);
  view.stateFloats = b.state.bytes / sizeof(float) / static_cast<std::size_t>(m_workload.batch);
  view.batch = m_workload.batch;
  view.mostSlots = m_mostSlots[block];
  return view;
}

BlockView Forward::blocked(std::size_t block, std::size_t op) const {
  const CudaSession::Block& b = m_plan.blocks[block];
  return {m_workload.mode.blockLength, static_cast<int>(block), at<float>(b.powers), at<float>(b.blockTaps, block, op),
          at<float>(b.responses, block, op), at(b.inputs, block, op), m_workload.batchInvariant};
}

LazyView Forward::lazy(std::size_t block, std::size_t op) const {
  const CudaSession::Block& b = m_plan.blocks[block];
  static_assert(CudaSession::Lazy::channels == lazyChannels);
  LazyView view{};
  view.taps = at<float>(b.taps, block, op);
  view.cache = at(b.cache, block, op);
  view.lags = m_plan.lags;
  view.ring = m_plan.ring;
  view.stride = b.keptStride > 0 ? b.keptStride : m_plan.stride;
  view.sequences = b.lazy.sequences;
  view.splits = b.lazy.splits;
  view.partial = at<float>(m_plan.partial);
  view.arrived = at<int>(m_plan.arrived);
  view.columns = b.keptStride > 0 ? at<std::int32_t>(b.keptChannels, block, op) : nullptr;
  return view;
}

TiledView Forward::tiled(std::size_t block, std::size_t op) const {
  const CudaSession::Block& b = m_plan.blocks[block];
  const bool matrices = m_host.blocks[block].kind == BlockShape::Kind::multiHyena;
  const int size = matrices ? m_host.width / m_host.heads : 0, entries = size * size;
  return {at<float>(b.taps, block, op), at<float>(b.cache, block, op),
          m_plan.lags,                  m_workload.capacityTokens,
          matrices ? m_host.heads * entries : m_plan.stride, entries};
}

HeadsView Forward::heads(std::size_t block, std::size_t op) const {
  return {m_host.heads, m_host.width / m_host.heads, recurrent(m_workload.mode.mixer) ? modal(block, op) : ModalView{}};
}

HeadBlocksView Forward::headBlocks(std::size_t block, std::size_t op) const {
  const CudaSession::Block& b = m_plan.blocks[block];
  return {m_workload.mode.blockLength, static_cast<int>(2 * block + op), at<float>(b.powers),
          at<float>(b.blockTaps, block, op), at<float>(b.responses, block, op), at(b.inputs, block, op)};
}

HeadCacheView Forward::headCache(std::size_t block, std::size_t op) const {
  const CudaSession::Block& b = m_plan.blocks[block];
  return {m_plan.paddedHeadWidth, at<float>(b.taps, block, op), at(b.cache, block, op), m_plan.lags, m_plan.ring};
}

AttentionView Forward::attention(std::size_t block) const {
  const CudaSession::Block& b = m_plan.blocks[block];
  static_assert(narrowHead == cudaNarrowHead);
  AttentionView view{};
  view.heads = m_host.blocks[block].attention[0].heads;
  view.headWidth = m_host.width / view.heads;
  view.paddedHeadWidth = m_plan.paddedAttentionWidth;
  view.keyHeads = m_host.blocks[block].attention[0].keyValueHeads;
  view.keyStride = m_weights->plan().blocks[block].keyStride;
  view.keys = at(b.cache);
  view.values = at(b.values);
  view.capacity = m_workload.capacityTokens;
  view.splits = m_plan.splits;
  view.splitTokens = m_plan.splitTokens;
  view.partial = at<float>(m_plan.partial);
  view.arrived = at<int>(m_plan.arrived);
  return view;
}

}  // namespace engine::cuda
