#include "engine/cpu/hyena.h"

#include <algorithm>

#include "engine/cpu/matmul.h"
#include "engine/cpu/pointwise.h"

namespace engine::cpu {

HyenaSublayer::HyenaSublayer(const ConvolutionOperator& weights, std::vector<std::unique_ptr<LongMemory>> memories,
                             int batch, Workspace& workspace, Meter& state)
    : m_weights(weights),
      m_memories(std::move(memories)),
      m_short(weights.shortFilter, batch, state),
      m_workspace(workspace),
      m_width(static_cast<std::size_t>(weights.out.outputs)),
      m_streams(static_cast<std::size_t>(weights.in.outputs)) {}

void HyenaSublayer::reset() {
  m_short.reset();
  for (auto& memory : m_memories) memory->reset();
}

void HyenaSublayer::archive(StateArchive& state) {
  m_short.archive(state);
  for (auto& memory : m_memories) memory->archive(state);
}

bool HyenaSublayer::incremental() const {
  return std::all_of(m_memories.begin(), m_memories.end(), [](const auto& memory) { return memory->incremental(); });
}

void HyenaSublayer::project(Context& context, int rows, const float* residual) {
  for (int first = 0; first < rows && !context.stopped(); first += m_workspace.pieceRows) {
    const int count = std::min(m_workspace.pieceRows, rows - first);
    const float* piece = residual + static_cast<std::size_t>(first) * m_width;
    normalize(context.team, m_weights.norm, piece, count, m_weights.in.inputs, m_workspace.normed.data());
    linear(context, m_weights.in, m_workspace.normed.data(), m_width, count,
           m_workspace.streams.data() + static_cast<std::size_t>(first) * m_streams, m_streams);
  }
}

// Filters columns [first, first + maxColumns) of all streams of one sequence and leaves x_(o-1) v in `mixed`.
void HyenaSublayer::filterColumns(int sequence, int tokens, int first, float* streams, float* mixed) {
  const int width = static_cast<int>(m_width), count = std::min(ShortConvolution::maxColumns, width - first);
  for (int stream = 0; stream < static_cast<int>(m_streams) / width; ++stream)
    m_short.apply(sequence, tokens, streams, stream * width + first, count);
  for (int t = 0; t < tokens; ++t) {
    const float* value = streams + static_cast<std::size_t>(t + 1) * m_streams - m_width + first;
    const float* gate = value - m_width;
    float* to = mixed + static_cast<std::size_t>(t) * m_width + first;
    if (m_weights.firstGate)
      for (int c = 0; c < count; ++c) to[c] = gate[c] * value[c];
    else
      std::copy_n(value, count, to);
  }
}

void HyenaSublayer::gateBy(Context& context, int stream, int rows) {
  constexpr int perItem = 64;
  context.team.run((rows + perItem - 1) / perItem, [&](int item, int) {
    for (int row = item * perItem; row < std::min((item + 1) * perItem, rows); ++row) {
      float* to = m_workspace.mixed.data() + static_cast<std::size_t>(row) * m_width;
      const float* gate = m_workspace.streams.data() + static_cast<std::size_t>(row) * m_streams +
                          static_cast<std::size_t>(stream) * m_width;
      for (std::size_t c = 0; c < m_width; ++c) to[c] *= gate[c];
    }
  });
}

void HyenaSublayer::step(Context& context, int position, int batch, float* residual) {
  float* mixed = m_workspace.mixed.data();
  project(context, batch, residual);
  constexpr int perItem = 8;  // one sequence alone is too short to share
  context.team.run((batch + perItem - 1) / perItem, [&](int item, int) {
    for (int b = item * perItem; b < std::min((item + 1) * perItem, batch); ++b) {
      const auto row = static_cast<std::size_t>(b);
      for (int first = 0; first < static_cast<int>(m_width); first += ShortConvolution::maxColumns)
        filterColumns(b, 1, first, m_workspace.streams.data() + row * m_streams, mixed + row * m_width);
    }
  });
  int gate = static_cast<int>(m_memories.size());
  for (auto& memory : m_memories) {
    memory->step(context, position, mixed, mixed);
    gateBy(context, --gate, batch);
  }
  linear(context, m_weights.out, mixed, m_width, batch, residual, m_width, Write::add);
}

void HyenaSublayer::prefill(Context& context, int sequence, int position, int tokens, float* residual) {
  float* mixed = m_workspace.mixed.data();
  project(context, tokens, residual);
  if (context.stopped()) return;
  constexpr int count = ShortConvolution::maxColumns;
  context.team.run((static_cast<int>(m_width) + count - 1) / count, [&](int item, int) {
    filterColumns(sequence, tokens, item * count, m_workspace.streams.data(), mixed);
  });
  int gate = static_cast<int>(m_memories.size());
  for (auto& memory : m_memories) {
    memory->prefill(context, sequence, position, tokens, mixed, mixed);
    gateBy(context, --gate, tokens);
  }
  if (context.stopped()) return;
  linear(context, m_weights.out, mixed, m_width, tokens, residual, m_width, Write::add);
}

}  // namespace engine::cpu
