#include "engine/cpu/attention.h"

#include <algorithm>
#include <cmath>

#include "engine/cpu/matmul.h"
#include "engine/cpu/pointwise.h"

namespace engine::cpu {
namespace {

constexpr int rowsPerItem = 8;  // queries that share a pass over the keys

}  // namespace

std::size_t AttentionSublayer::scratchFloats(int capacity) {
  return rowsPerItem * (static_cast<std::size_t>(capacity) + 15) / 16 * 16;
}

AttentionSublayer::AttentionSublayer(const Attention& weights, int batch, int capacity, Workspace& workspace,
                                     Meter& cache)
    : m_weights(weights),
      m_workspace(workspace),
      m_cache(weights.heads, weights.out.outputs / weights.heads, batch, capacity, cache),
      m_width(weights.out.outputs) {}

void AttentionSublayer::project(Context& context, int rows, const float* residual) {
  const auto width = static_cast<std::size_t>(m_width);
  normalize(context.team, m_weights.norm, residual, rows, m_width, m_workspace.normed.data());
  linear(context, m_weights.qkv, m_workspace.normed.data(), width, rows, m_workspace.streams.data(), 3 * width);
}

// Rows of one sequence, the first at `position`; their keys are in the cache already.
void AttentionSublayer::attend(Context& context, int thread, int sequence, int head, int position, int rows,
                               const float* streams, float* mixed) {
  const auto width = static_cast<std::size_t>(m_width);
  const int headWidth = m_cache.headWidth(), seen = position + rows;
  const float scale = 1 / std::sqrt(static_cast<float>(headWidth));
  float* scores = context.scratchOf(thread);
  const auto stride = static_cast<std::size_t>(seen);
  m_cache.scores(sequence, head, 0, seen, streams + head * headWidth, 3 * width, rows, scores, stride);
  for (int r = 0; r < rows; ++r) {
    float* row = scores + static_cast<std::size_t>(r) * stride;
    const int visible = position + r + 1;
    for (int s = 0; s < visible; ++s) row[s] *= scale;
    const float total = exponentials(row, visible, *std::max_element(row, row + visible), row);
    float* to = mixed + static_cast<std::size_t>(r) * width + head * headWidth;
    m_cache.weigh(sequence, head, 0, visible, row, to);
    for (int c = 0; c < headWidth; ++c) to[c] /= total;
  }
}

void AttentionSublayer::step(Context& context, int position, int batch, float* residual) {
  const auto width = static_cast<std::size_t>(m_width);
  const int heads = m_cache.heads(), headWidth = m_cache.headWidth();
  project(context, batch, residual);
  context.team.run(batch * heads, [&](int item, int thread) {
    const int b = item / heads, head = item % heads;
    const float* streams = m_workspace.streams.data() + static_cast<std::size_t>(b) * 3 * width;
    const float* key = streams + width + head * headWidth;
    m_cache.append(b, head, position, key, key + width);
    attend(context, thread, b, head, position, 1, streams,
           m_workspace.mixed.data() + static_cast<std::size_t>(b) * width);
  });
  linear(context, m_weights.out, m_workspace.mixed.data(), width, batch, residual, width, Write::add);
}

void AttentionSublayer::prefill(Context& context, int sequence, int position, int tokens, float* residual) {
  const auto width = static_cast<std::size_t>(m_width);
  const int heads = m_cache.heads(), headWidth = m_cache.headWidth();
  project(context, tokens, residual);
  if (context.stopped()) return;
  const auto streamsOf = [&](int t) { return m_workspace.streams.data() + static_cast<std::size_t>(t) * 3 * width; };
  context.team.run(heads, [&](int head, int) {
    for (int t = 0; t < tokens; ++t) {
      const float* key = streamsOf(t) + width + head * headWidth;
      m_cache.append(sequence, head, position + t, key, key + width);
    }
  });
  const int rowItems = (tokens + rowsPerItem - 1) / rowsPerItem;
  context.team.run(heads * rowItems, [&](int item, int thread) {
    if (context.stopped()) return;
    const int first = item % rowItems * rowsPerItem;
    attend(context, thread, sequence, item / rowItems, position + first, std::min(rowsPerItem, tokens - first),
           streamsOf(first), m_workspace.mixed.data() + static_cast<std::size_t>(first) * width);
  });
  if (context.stopped()) return;
  linear(context, m_weights.out, m_workspace.mixed.data(), width, tokens, residual, width, Write::add);
}

}  // namespace engine::cpu
