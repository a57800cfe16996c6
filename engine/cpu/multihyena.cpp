#include "engine/cpu/multihyena.h"

#include <algorithm>

#include "engine/cpu/matmul.h"
#include "engine/cpu/pointwise.h"

namespace engine::cpu {

MultiHyenaSublayer::MultiHyenaSublayer(const ConvolutionOperator& weights, int heads,
                                       std::unique_ptr<HeadMemory> memory, int batch, Workspace& workspace,
                                       Meter& state)
    : m_weights(weights),
      m_heads(heads),
      m_memory(std::move(memory)),
      m_short(weights.shortFilter, batch, state),
      m_workspace(workspace),
      m_width(static_cast<std::size_t>(weights.out.outputs)) {}

void MultiHyenaSublayer::reset() {
  m_short.reset();
  m_memory->reset();
}

// The normalised input stays in `normed` for finish().
void MultiHyenaSublayer::project(Context& context, int rows, const float* residual) {
  normalize(context.team, m_weights.norm, residual, rows, static_cast<int>(m_width), m_workspace.normed.data());
  linear(context, m_weights.in, m_workspace.normed.data(), m_width, rows, m_workspace.streams.data(), 3 * m_width);
}

void MultiHyenaSublayer::filter(int sequence, int tokens, int first, float* streams) {
  const int channels = static_cast<int>(3 * m_width);
  m_short.apply(sequence, tokens, streams, first, std::min(ShortConvolution::maxColumns, channels - first));
}

void MultiHyenaSublayer::finish(Context& context, int rows, float* residual) {
  if (context.stopped()) return;
  float* mixed = m_workspace.mixed.data();
  const float* normed = m_workspace.normed.data();
  normalize(context.team, m_weights.innerNorm, mixed, rows, static_cast<int>(m_width), mixed);
  linear(context, m_weights.out, mixed, m_width, rows, residual, m_width, Write::add, [&](const Tile& tile) {
    for (int r = tile.firstRow; r < tile.firstRow + tile.rows; ++r) {
      const std::size_t row = static_cast<std::size_t>(r) * m_width + static_cast<std::size_t>(tile.firstFeature);
      for (int f = 0; f < tile.features; ++f)
        residual[row + static_cast<std::size_t>(f)] += normed[row + static_cast<std::size_t>(f)];
    }
  });
}

void MultiHyenaSublayer::step(Context& context, int position, int batch, float* residual) {
  const int channels = static_cast<int>(3 * m_width);
  project(context, batch, residual);
  const auto streamsOf = [&](int b) { return m_workspace.streams.data() + static_cast<std::size_t>(b) * 3 * m_width; };
  context.team.run(batch, [&](int b, int) {
    for (int first = 0; first < channels; first += ShortConvolution::maxColumns) filter(b, 1, first, streamsOf(b));
  });
  context.team.run(batch * m_heads, [&](int item, int thread) {
    const int b = item / m_heads;
    m_memory->advance(context, thread, b, item % m_heads, position, 1, streamsOf(b),
                      m_workspace.mixed.data() + static_cast<std::size_t>(b) * m_width);
  });
  finish(context, batch, residual);
}

void MultiHyenaSublayer::prefill(Context& context, int sequence, int position, int tokens, float* residual) {
  constexpr int count = ShortConvolution::maxColumns;
  project(context, tokens, residual);
  if (context.stopped()) return;
  float* streams = m_workspace.streams.data();
  context.team.run((static_cast<int>(3 * m_width) + count - 1) / count,
                   [&](int item, int) { filter(sequence, tokens, item * count, streams); });
  context.team.run(m_heads, [&](int head, int thread) {
    m_memory->advance(context, thread, sequence, head, position, tokens, streams, m_workspace.mixed.data());
  });
  finish(context, tokens, residual);
}

}  // namespace engine::cpu
