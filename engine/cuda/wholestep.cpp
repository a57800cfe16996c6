// What a step in one kernel needs to know of a session, see alone.h.
#include <cstdlib>

#include "engine/cuda/forward.h"

namespace engine::cuda {

// Set where one kernel can make a whole step: the weights of all blocks lie equally far apart, and the device can.
std::optional<AloneStep> Forward::wholeStep(const CudaProgram& program) const {
  if (m_plan.alone.bytes == 0 || m_workload.batchInvariant || std::getenv("POLECAT_CUDA_LAYERS")) return {};
  const CudaWeights& plan = m_weights->plan();
  const std::size_t blocks = plan.blocks.size();
  const auto partsOfBlock = [&](std::size_t i) {
    const CudaWeights::Block& b = plan.blocks[i];
    const CudaWeights::Mixer& m = b.mixers[0];
    return std::vector<std::size_t>{m.norm.scale.offset,    m.norm.shift.offset,   b.mlpNorm.scale.offset,
                                    b.mlpNorm.shift.offset, m.in.weight.offset,    m.in.bias.offset,
                                    m.out.weight.offset,    m.out.bias.offset,     b.mlpIn.weight.offset,
                                    b.mlpIn.bias.offset,    b.mlpOut.weight.offset, b.mlpOut.bias.offset,
                                    m.shortWeight.offset,   m.shortBias.offset};
  };
  const std::vector<std::size_t> first = partsOfBlock(0);
  const std::size_t stride = blocks > 1 ? partsOfBlock(1)[0] - first[0] : 0;
  std::vector<AlonePlace> table;
  for (std::size_t i = 0; i < blocks; ++i) {
    const std::vector<std::size_t> parts = partsOfBlock(i);
    for (std::size_t p = 0; p < parts.size(); ++p)
      if (parts[p] != first[p] + i * stride) return {};
    const Mlp& layers = m_host.blocks[i].mlp;
    const Norm &mine = m_host.blocks[i].operators[0].norm, &mlp = layers.norm;
    if (layers.gated || layers.activation != Activation::geluTanh || mine.epsOutside || mlp.epsOutside) return {};
    const Norm &norm0 = m_host.blocks[0].operators[0].norm, &mlp0 = m_host.blocks[0].mlp.norm;
    if (mine.eps != norm0.eps || mlp.eps != mlp0.eps || mine.shift.size() != norm0.shift.size() ||
        mlp.shift.size() != mlp0.shift.size() || shortFilter(i, 0).taps != shortFilter(0, 0).taps)
      return {};
    const ModalTable& modes = *program.modal[static_cast<std::size_t>(m_host.blocks[i].operators[0].banks[0])];
    for (std::size_t place = 0; place < modes.order.size(); ++place) {
      if (modes.order[place] < 0) return {};  // padding: not one channel for each place
      const ModalGroup& group = modes.groups[place / ModalTable::groupSize];
      const ModalView view = modal(i, 0);
      table.push_back({view.coefficients + group.coefficients, view.state + group.state,
                       at(m_plan.blocks[i].history), modes.order[place], group.pairs, group.reals, modes.direct[place]});
    }
  }
  const auto matrix = [&](const CudaWeights::Linear& layer) {
    return AloneMatrix{m_weights->at(layer.weight), layer.bias.bytes > 0 ? m_weights->at(layer.bias) : nullptr,
                       layer.inputs, layer.outputs};
  };
  const CudaWeights::Block& b = plan.blocks[0];
  const CudaWeights::Mixer& m = b.mixers[0];
  AloneStep s{};
  s.blocks = static_cast<int>(blocks);
  s.width = m_host.width;
  s.weightStride = stride;
  s.in = matrix(m.in);
  s.out = matrix(m.out);
  s.mlpIn = matrix(b.mlpIn);
  s.mlpOut = matrix(b.mlpOut);
  s.head = matrix(plan.head.outputs > 0 ? plan.head : plan.embedding);
  s.norm = norm(m.norm, m_host.blocks[0].operators[0].norm);
  s.mlpNorm = norm(b.mlpNorm, m_host.blocks[0].mlp.norm);
  s.finalNorm = norm(plan.finalNorm, m_host.finalNorm);
  s.shortFilter = shortFilter(0, 0);
  s.embedding = nextTokens();
  s.epoch = at<unsigned>(m_plan.alone);
  s.residual = m_memory.at<uint2>(m_plan.alone.offset + 256);
  s.mixed = s.residual + m_plan.stride;
  s.hidden = s.mixed + m_plan.stride;
  char* places = reinterpret_cast<char*>(s.hidden + m_plan.innerStride);
  s.place = reinterpret_cast<const AlonePlace*>(places);
  s.logits = at<float>(m_plan.logits);
  s.control = at<Control>(m_plan.control);
  if (static_cast<int>(table.size()) != s.blocks * s.width || !canStepAlone(s, m_type)) return {};
  static_assert(sizeof(AlonePlace) == CudaSession::aloneBytesPerPlace);
  check(cudaMemsetAsync(s.epoch, 0, 256, m_launch.stream), "clearing memory");
  check(cudaMemcpyAsync(places, table.data(), table.size() * sizeof(AlonePlace), cudaMemcpyHostToDevice, m_launch.stream),
        "copying tables");
  check(cudaStreamSynchronize(m_launch.stream), "copying tables");  // `table` ends here
  return s;
}

}  // namespace engine::cuda
