#include "engine/cpu/attention.h"

#include <algorithm>
#include <cmath>

#include "engine/cpu/matmul.h"
#include "engine/cpu/pointwise.h"
#include "engine/cpu/promptattention.h"

namespace engine::cpu {
namespace {

constexpr int rowsPerItem = 8;  // queries that share a pass over the keys, where PromptAttention does not fit

}  // namespace

std::size_t AttentionSublayer::scratchFloats(int capacity) {
  return std::max(rowsPerItem, promptQueries) * (static_cast<std::size_t>(capacity) + 15) / 16 * 16;
}

AttentionSublayer::AttentionSublayer(const Attention& weights, int batch, int capacity, Workspace& workspace,
                                     Meter& cache)
    : m_weights(weights),
      m_workspace(workspace),
      m_cache(weights.keyValueHeads, weights.out.inputs / weights.heads, batch, capacity, cache),
      m_width(weights.out.inputs),
      m_streams(static_cast<std::size_t>(weights.qkv.outputs)) {
  for (int j = 0; 2 * j < weights.rotaryDimensions; ++j)
    m_frequencies.push_back(std::pow(weights.rotaryBase, -2.0 * j / weights.rotaryDimensions) / weights.rotaryScale);
}

void AttentionSublayer::rotate(Context& context, int position, int rows, bool oneSequence) {
  if (m_frequencies.empty()) return;
  const int turned = m_weights.heads + m_weights.keyValueHeads, headWidth = m_cache.headWidth();
  const std::size_t pairs = m_frequencies.size();
  context.team.run(rows, [&](int row, int) {
    for (std::size_t j = 0; j < pairs; ++j) {
      const double angle = m_frequencies[j] * (position + (oneSequence ? row : 0));
      const auto cosine = static_cast<float>(std::cos(angle)), sine = static_cast<float>(std::sin(angle));
      float* at = m_workspace.streams.data() + static_cast<std::size_t>(row) * m_streams + j;
      for (int head = 0; head < turned; ++head, at += headWidth) {
        const float x = at[0], y = at[pairs];
        at[0] = x * cosine - y * sine;
        at[pairs] = y * cosine + x * sine;
      }
    }
  });
}

void AttentionSublayer::project(Context& context, int rows, const float* residual) {
  const auto width = static_cast<std::size_t>(m_width);
  normalize(context.team, m_weights.norm, residual, rows, m_width, m_workspace.normed.data());
  linear(context, m_weights.qkv, m_workspace.normed.data(), width, rows, m_workspace.streams.data(), m_streams);
}

// Rows of one sequence, the first at `position`; their keys are in the cache already.
void AttentionSublayer::attend(Context& context, int thread, int sequence, int head, int position, int rows,
                               const float* streams, float* mixed) {
  const auto width = static_cast<std::size_t>(m_width);
  const int headWidth = m_cache.headWidth(), seen = position + rows;
  const int shared = head / (m_weights.heads / m_weights.keyValueHeads);
  const float scale = 1 / std::sqrt(static_cast<float>(headWidth));
  float* scores = context.scratchOf(thread);
  const auto stride = static_cast<std::size_t>(seen);
  m_cache.scores(sequence, shared, 0, seen, streams + head * headWidth, m_streams, rows, scores, stride);
  float totals[rowsPerItem];
  for (int r = 0; r < rows; ++r) {
    float* row = scores + static_cast<std::size_t>(r) * stride;
    const int visible = position + r + 1;
    for (int s = 0; s < visible; ++s) row[s] *= scale;
    totals[r] = exponentials(row, visible, largest(row, visible), row);
    std::fill(row + visible, row + seen, 0.0F);  // keys of later rows
  }
  float* to = mixed + head * headWidth;
  m_cache.weigh(sequence, shared, 0, seen, scores, stride, rows, to, width);
  for (int r = 0; r < rows; ++r, to += width)
    for (int c = 0; c < headWidth; ++c) to[c] /= totals[r];
}

void AttentionSublayer::attendTogether(Context& context, int thread, int sequence, int head, int position, int rows,
                                       const float* streams, float* mixed) {
  const int headWidth = m_cache.headWidth(), shared = head / (m_weights.heads / m_weights.keyValueHeads);
  const PromptAttention attention{m_cache.keys(sequence, shared), m_cache.values(sequence, shared), headWidth, position, rows,
                                  1 / std::sqrt(static_cast<float>(headWidth))};
  attention.attend(streams + head * headWidth, m_streams, context.scratchOf(thread), mixed + head * headWidth,
                   static_cast<std::size_t>(m_width));
}

void AttentionSublayer::append(int sequence, int head, int position, const float* streams) {
  const float* key = streams + m_width + head * m_cache.headWidth();
  m_cache.append(sequence, head, position, key, key + m_weights.keyValueHeads * m_cache.headWidth());
}

void AttentionSublayer::step(Context& context, int position, int batch, float* residual) {
  const auto width = static_cast<std::size_t>(m_width);
  const int heads = m_weights.heads, perKey = heads / m_weights.keyValueHeads;
  project(context, batch, residual);
  rotate(context, position, batch, false);
  context.team.run(batch * m_weights.keyValueHeads, [&](int item, int thread) {
    const int b = item / m_weights.keyValueHeads, shared = item % m_weights.keyValueHeads;
    const float* streams = m_workspace.streams.data() + static_cast<std::size_t>(b) * m_streams;
    append(b, shared, position, streams);
    for (int head = shared * perKey; head < (shared + 1) * perKey; ++head)
      attend(context, thread, b, head, position, 1, streams,
             m_workspace.mixed.data() + static_cast<std::size_t>(b) * width);
  });
  linear(context, m_weights.out, m_workspace.mixed.data(), width, batch, residual,
         static_cast<std::size_t>(m_weights.out.outputs), Write::add);
}

void AttentionSublayer::prefill(Context& context, int sequence, int position, int tokens, float* residual) {
  const auto width = static_cast<std::size_t>(m_width);
  const int heads = m_weights.heads;
  for (int first = 0; first < tokens; first += m_workspace.pieceRows) {  // a hybrid's prompt may come whole
    const int count = std::min(m_workspace.pieceRows, tokens - first);
    float* piece = residual + static_cast<std::size_t>(first) * width;
    project(context, count, piece);
    if (context.stopped()) return;
    rotate(context, position + first, count, true);
    const auto streamsOf = [&](int t) { return m_workspace.streams.data() + static_cast<std::size_t>(t) * m_streams; };
    context.team.run(m_weights.keyValueHeads, [&](int head, int) {
      for (int t = 0; t < count; ++t) append(sequence, head, position + first + t, streamsOf(t));
    });
    const bool together = promptAttentionFits(m_cache.headWidth());
    const int itemRows = together ? promptQueries : rowsPerItem;
    const int rowItems = (count + itemRows - 1) / itemRows;
    context.team.run(heads * rowItems, [&](int item, int thread) {
      if (context.stopped()) return;
      // Late rows, which see the most, come first: what is left over at the end is short.
      const int row = (rowItems - 1 - item / heads) * itemRows, rows = std::min(itemRows, count - row);
      float* mixed = m_workspace.mixed.data() + static_cast<std::size_t>(row) * width;
      if (together)
        attendTogether(context, thread, sequence, item % heads, position + first + row, rows, streamsOf(row), mixed);
      else
        attend(context, thread, sequence, item % heads, position + first + row, rows, streamsOf(row), mixed);
    });
    if (context.stopped()) return;
    linear(context, m_weights.out, m_workspace.mixed.data(), width, count, piece, width, Write::add);
  }
}

}  // namespace engine::cpu
