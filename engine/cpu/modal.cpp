#include "engine/cpu/modal.h"

#include <algorithm>

#include "engine/cpu/promptconvolution.h"
#include "engine/cpu/vector.h"

namespace engine::cpu {
namespace {

constexpr int groupSize = ModalTable::groupSize;
static_assert(groupSize % lanes == 0);

// Whether so many places hold neighbouring channels, as where all have the same number of modes: values then go in and
// out by whole registers.
bool neighbours(const std::int32_t* order, int count) {
  for (int lane = 0; lane < count; ++lane)
    if (order[lane] < 0 || order[lane] != order[0] + lane) return false;
  return true;
}

}  // namespace

ModalMemory::ModalMemory(const ModalTable& table, int batch, Meter& meter)
    : m_table(table), m_batch(batch), m_states(static_cast<std::size_t>(batch) * table.stateFloats, meter) {}

ModalMemory::ModalMemory(const ModalTable& table, Buffer<float> coefficients, int batch, Meter& meter)
    : ModalMemory(table, batch, meter) {
  m_sections = std::move(coefficients);
}

float* ModalMemory::state(int sequence, int group) {
  return m_states.data() + static_cast<std::size_t>(sequence) * m_table.stateFloats +
         m_table.groups[static_cast<std::size_t>(group)].state;
}

// One register of channels of one group: its modes stay in first-level cache for all tokens. y null: the state alone.
template <bool Sections>
void ModalMemory::scan(int group, int sequence, int tokens, const float* u, float* y) {
  const float* coefficients = (Sections ? m_sections : m_table.coefficients).data();
  const ModalGroup& g = m_table.groups[static_cast<std::size_t>(group)];
  const std::int32_t* order = m_table.order.data() + static_cast<std::size_t>(group) * groupSize;
  const float* direct = m_table.direct.data() + static_cast<std::size_t>(group) * groupSize;
  const auto channels = static_cast<std::size_t>(m_table.channels);
  for (int part = 0; part < groupSize; part += lanes) {
    const bool straight = neighbours(order + part, lanes);
    for (int t = 0; t < tokens; ++t) {
      const float* in = u + static_cast<std::size_t>(t) * channels;
      Vector input;
      if (straight)
        input = load(in + order[part]);
      else
        for (int lane = 0; lane < lanes; ++lane) input[lane] = order[part + lane] < 0 ? 0.0F : in[order[part + lane]];
      const float* row = coefficients + g.coefficients + part;
      float* x = state(sequence, group) + part;
      Vector sum = load(direct + part) * input;
      for (int k = 0; k < g.pairs; ++k, row += ModalTable::rowsPerPair * groupSize, x += 2 * groupSize) {
        if constexpr (Sections) {
          const Vector w = load(x), d = load(x + groupSize);
          sum += load(row + 4 * groupSize) * w + load(row + 5 * groupSize) * d;
          const Vector next = (load(row + 2 * groupSize) * d + input) + load(row) * w + load(row + groupSize) * d;
          store(x, load(row + 3 * groupSize) * w + next);
          store(x + groupSize, next);
          continue;
        }
        const Vector re = load(x), im = load(x + groupSize);
        const Vector poleRe = load(row), poleIm = load(row + groupSize);
        const Vector restRe = load(row + 2 * groupSize), restIm = load(row + 3 * groupSize);
        sum += load(row + 4 * groupSize) * re - load(row + 5 * groupSize) * im;
        // The small terms first: every sum as large as the state costs a rounding of it.
        store(x, (restRe * re - restIm * im + input) + poleRe * re - poleIm * im);
        store(x + groupSize, (restRe * im + restIm * re) + poleRe * im + poleIm * re);
      }
      for (int k = 0; k < g.reals; ++k, row += ModalTable::rowsPerReal * groupSize, x += groupSize) {
        const Vector real = load(x);
        sum += load(row + 2 * groupSize) * real;
        store(x, load(row) * real + (load(row + groupSize) * real + input));
      }
      if (!y) continue;
      float* out = y + static_cast<std::size_t>(t) * channels;
      if (straight)
        store(out + order[part], sum);
      else
        for (int lane = 0; lane < lanes; ++lane)
          if (order[part + lane] >= 0) out[order[part + lane]] = sum[lane];
    }
  }
}

void ModalMemory::scanAny(int group, int sequence, int tokens, const float* u, float* y) {
  if (m_sections.size() > 0)
    scan<true>(group, sequence, tokens, u, y);
  else
    scan<false>(group, sequence, tokens, u, y);
}

void ModalMemory::step(Context& context, int, const float* u, float* y) {
  const int groups = static_cast<int>(m_table.groups.size());
  const auto channels = static_cast<std::size_t>(m_table.channels);
  // About 16 ns per row of modes: shorter loops are not worth waking anybody.
  const std::size_t rows = m_table.stateFloats / groupSize * static_cast<std::size_t>(m_batch);
  const int perItem = rows < 400 ? m_batch * groups : std::max(1, static_cast<int>(static_cast<std::size_t>(200 * groups) * static_cast<std::size_t>(m_batch) / rows));
  context.team.run((m_batch * groups + perItem - 1) / perItem, [&](int item, int) {
    for (int i = item * perItem; i < std::min((item + 1) * perItem, m_batch * groups); ++i) {
      const auto offset = static_cast<std::size_t>(i / groups) * channels;
      scanAny(i % groups, i / groups, 1, u + offset, y + offset);
    }
  });
}

// Whole chunks, in pieces that stay in first-level cache; what is left goes by the scan.
void ModalMemory::inChunks(int group, int sequence, int tokens, const float* u, float* y) {
  constexpr int piece = 4 * ChunkTable::length;
  const std::int32_t* order = m_table.order.data() + static_cast<std::size_t>(group) * groupSize;
  const auto channels = static_cast<std::size_t>(m_table.channels);
  const auto row = [channels](auto* at, int t) { return at + static_cast<std::size_t>(t) * channels; };
  alignas(64) float in[piece * groupSize] = {}, out[piece * groupSize];
  const int whole = tokens / ChunkTable::length * ChunkTable::length;
  const bool straight = neighbours(order, groupSize);
  for (int first = 0; first < whole; first += piece) {
    const int count = std::min(piece, whole - first);
    for (int t = 0; t < count; ++t)
      if (straight)
        std::copy_n(row(u, first + t) + order[0], groupSize, in + t * groupSize);
      else
        for (int lane = 0; lane < groupSize; ++lane)
          if (order[lane] >= 0) in[t * groupSize + lane] = row(u, first + t)[order[lane]];
    runChunks(m_prompts->chunks, m_table, group, count, in, y ? out : nullptr, state(sequence, group));
    for (int t = 0; y && t < count; ++t)
      if (straight)
        std::copy_n(out + t * groupSize, groupSize, row(y, first + t) + order[0]);
      else
        for (int lane = 0; lane < groupSize; ++lane)
          if (order[lane] >= 0) row(y, first + t)[order[lane]] = out[t * groupSize + lane];
  }
  scanAny(group, sequence, tokens - whole, row(u, whole), y ? row(y, whole) : nullptr);
}

void ModalMemory::prefill(Context& context, int sequence, int, int tokens, const float* u, float* y) {
  const bool byFft = m_prompts && m_prompts->responses.length > 0;
  context.team.run(static_cast<int>(m_table.groups.size()), [&](int group, int) {
    if (context.stopped()) return;
    if (m_prompts)
      inChunks(group, sequence, tokens, u, byFft ? nullptr : y);
    else
      scanAny(group, sequence, tokens, u, y);
  });
  if (byFft) convolvePrompt(context, m_prompts->responses, tokens, Prefill::fft, u, y, [](int, const float*) {});
}

}  // namespace engine::cpu
