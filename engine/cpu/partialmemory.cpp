#include "engine/cpu/partialmemory.h"

#include <algorithm>

namespace engine::cpu {

PartialMemory::PartialMemory(std::unique_ptr<LongMemory> modelled, const ModalTable& table, int batch, int capacity,
                             Meter& cache, Meter& workspace)
    : m_modelled(std::move(modelled)),
      m_table(table),
      m_batch(batch),
      m_kept(table.keptFilters, batch, capacity, cache),
      m_inputs(static_cast<std::size_t>(std::max(batch, capacity)) * table.kept.size(), workspace) {}

void PartialMemory::reset() {
  m_modelled->reset();
  m_kept.reset();
}

void PartialMemory::step(Context& context, int position, const float* u, float* y) {
  gather(m_batch, u);
  m_modelled->step(context, position, u, y);
  m_kept.step(context, position, m_inputs.data(), m_inputs.data());
  scatter(m_batch, y);
}

void PartialMemory::prefill(Context& context, int sequence, int position, int tokens, const float* u, float* y) {
  gather(tokens, u);
  m_modelled->prefill(context, sequence, position, tokens, u, y);
  m_kept.prefill(context, sequence, position, tokens, m_inputs.data(), m_inputs.data());
  scatter(tokens, y);
}

void PartialMemory::gather(int rows, const float* u) {
  float* to = m_inputs.data();
  for (int row = 0; row < rows; ++row, u += m_table.channels)
    for (const std::int32_t channel : m_table.kept) *to++ = u[channel];
}

void PartialMemory::scatter(int rows, float* y) const {
  const float* from = m_inputs.data();
  for (int row = 0; row < rows; ++row, y += m_table.channels)
    for (const std::int32_t channel : m_table.kept) y[channel] = *from++;
}

}  // namespace engine::cpu
