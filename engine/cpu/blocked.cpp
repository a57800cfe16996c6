#include "engine/cpu/blocked.h"

#include <algorithm>
#include <cmath>
#include <complex>

#include "engine/cpu/vector.h"

namespace engine::cpu {
namespace {

constexpr int groupSize = ModalTable::groupSize;
constexpr std::size_t rowFloats = groupSize;

void split(double value, float& high, float& low) {
  high = static_cast<float>(value);
  low = static_cast<float>(value - static_cast<double>(high));
}

}  // namespace

BlockTable blockTable(const ModalTable& table, const analysis::DistilledBank& bank, int length, Meter& tables) {
  BlockTable result;
  result.length = length;
  result.powers = Buffer<float>(2 * table.stateFloats, tables);
  result.taps = Buffer<float>(table.order.size() * static_cast<std::size_t>(length), tables);
  for (std::size_t place = 0; place < table.order.size(); ++place) {
    if (table.order[place] < 0) continue;
    const auto& filter = bank.filters[static_cast<std::size_t>(table.order[place])];
    if (!filter) continue;
    const ModalGroup& group = table.groups[place / groupSize];
    const std::size_t lane = place % groupSize;
    float* pair = result.powers.data() + 2 * group.state + lane;
    float* real = pair + static_cast<std::size_t>(group.pairs) * 4 * rowFloats;
    for (const analysis::Mode& mode : filter->model.modes) {
      const std::complex<double> power = std::exp(mode.logPole * static_cast<double>(length));
      if (mode.pair) {
        split(power.real(), pair[0], pair[2 * rowFloats]);
        split(power.imag(), pair[rowFloats], pair[3 * rowFloats]);
        pair += 4 * rowFloats;
      } else {
        split(power.real(), real[0], real[rowFloats]);
        real += 2 * rowFloats;
      }
    }
    const std::vector<double> h = filter->model.impulseResponse(length);
    float* taps = result.taps.data() + place / groupSize * static_cast<std::size_t>(length) * rowFloats + lane;
    for (std::size_t t = 1; t < h.size(); ++t) taps[t * rowFloats] = static_cast<float>(h[t]);
  }
  return result;
}

BlockedMemory::BlockedMemory(const ModalTable& table, BlockTable blocks, int stagger, int batch, Meter& state)
    : m_table(table),
      m_blocks(std::move(blocks)),
      m_stagger(stagger),
      m_batch(batch),
      m_modal(table, batch, state),
      m_rings(static_cast<std::size_t>(batch) * table.order.size() * 2 * static_cast<std::size_t>(m_blocks.length),
              state) {}

void BlockedMemory::reset() {
  m_modal.reset();
  m_rings.clear();
  m_firstStep = -1;
}

int BlockedMemory::phase(int group, int position) const {
  return (position + group + m_stagger) % m_blocks.length;
}

float* BlockedMemory::inputs(int sequence, int group) {
  const std::size_t index =
      static_cast<std::size_t>(sequence) * m_table.groups.size() + static_cast<std::size_t>(group);
  return m_rings.data() + index * 2 * static_cast<std::size_t>(m_blocks.length) * rowFloats;
}

float* BlockedMemory::responses(int sequence, int group) {
  return inputs(sequence, group) + static_cast<std::size_t>(m_blocks.length) * rowFloats;
}

void BlockedMemory::prefill(Context& context, int sequence, int position, int tokens, const float* u, float* y) {
  m_modal.prefill(context, sequence, position, tokens, u, y);
  m_firstStep = -1;
}

void BlockedMemory::step(Context& context, int position, const float* u, float* y) {
  const int groups = static_cast<int>(m_table.groups.size());
  const auto channels = static_cast<std::size_t>(m_table.channels);
  const bool first = m_firstStep < 0;
  if (first) m_firstStep = position;
  const int items = m_batch * groups;
  const int perItem = items < 32 ? items : 16;  // a group takes a fraction of a microsecond
  context.team.run((items + perItem - 1) / perItem, [&](int item, int) {
    for (int i = item * perItem; i < std::min((item + 1) * perItem, items); ++i) {
      const int sequence = i / groups, group = i % groups;
      if (first) refill(sequence, group, phase(group, position));  // a short first block
      const std::size_t row = static_cast<std::size_t>(sequence) * channels;
      advance(sequence, group, position, u + row, y + row);
    }
  });
}

void BlockedMemory::advance(int sequence, int group, int position, const float* u, float* y) {
  const int now = phase(group, position);
  const int start = std::max(0, now - (position - m_firstStep));  // > 0 in the first block
  const auto place = static_cast<std::size_t>(group) * rowFloats;
  const std::int32_t* order = m_table.order.data() + place;
  const float* taps = m_blocks.taps.data() + place * static_cast<std::size_t>(m_blocks.length);
  float* past = inputs(sequence, group);
  const float* z = responses(sequence, group) + static_cast<std::size_t>(now) * rowFloats;
  float* in = past + static_cast<std::size_t>(now) * rowFloats;
  for (int lane = 0; lane < groupSize; ++lane) in[lane] = order[lane] < 0 ? 0.0F : u[order[lane]];
  for (int part = 0; part < groupSize; part += lanes) {
    Vector sum = load(z + part) + load(m_table.direct.data() + place + part) * load(in + part);
    const float* input = in + part;
    const float* tap = taps + part;
    for (int lag = 1; lag <= now - start; ++lag)
      sum += load(tap + static_cast<std::size_t>(lag) * rowFloats) *
             load(input - static_cast<std::size_t>(lag) * rowFloats);
    for (int lane = 0; lane < lanes; ++lane)
      if (order[part + lane] >= 0) y[order[part + lane]] = sum[lane];
  }
  if (now + 1 < m_blocks.length) return;
  fold(sequence, group, start);
  refill(sequence, group, 0);
}

// The state at the end of the block: equation (4), the inner sum by Horner's rule in registers.
void BlockedMemory::fold(int sequence, int group, int start) {
  const ModalGroup& g = m_table.groups[static_cast<std::size_t>(group)];
  const int length = m_blocks.length;
  const bool whole = start == 0;
  for (int part = 0; part < groupSize; part += lanes) {
    const float* u = inputs(sequence, group) + part;
    const float* row = m_table.coefficients.data() + g.coefficients + part;
    const float* power = m_blocks.powers.data() + 2 * g.state + part;
    float* x = m_modal.state(sequence, group) + part;
    for (int k = 0; k < g.pairs;
         ++k, row += ModalTable::rowsPerPair * rowFloats, power += 4 * rowFloats, x += 2 * rowFloats) {
      const Vector poleRe = load(row), poleIm = load(row + rowFloats);
      const Vector restRe = load(row + 2 * rowFloats), restIm = load(row + 3 * rowFloats);
      const Vector re = load(x), im = load(x + rowFloats);
      Vector sumRe = whole ? Vector{} : re, sumIm = whole ? Vector{} : im;
      for (int j = start; j < length; ++j) {
        const Vector a = sumRe, b = sumIm;
        sumRe = poleRe * a - poleIm * b + load(u + static_cast<std::size_t>(j) * rowFloats);
        sumIm = poleRe * b + poleIm * a;
        if (whole) continue;  // the old state is not in the sum: its pole is exact enough in one float
        sumRe += restRe * a - restIm * b;
        sumIm += restRe * b + restIm * a;
      }
      if (whole) {
        const Vector hiRe = load(power), hiIm = load(power + rowFloats);
        const Vector loRe = load(power + 2 * rowFloats), loIm = load(power + 3 * rowFloats);
        sumRe = hiRe * re - hiIm * im + (loRe * re - loIm * im + sumRe);
        sumIm = hiRe * im + hiIm * re + (loRe * im + loIm * re + sumIm);
      }
      store(x, sumRe);
      store(x + rowFloats, sumIm);
    }
    for (int k = 0; k < g.reals;
         ++k, row += ModalTable::rowsPerReal * rowFloats, power += 2 * rowFloats, x += rowFloats) {
      const Vector pole = load(row), rest = load(row + rowFloats), state = load(x);
      Vector sum = whole ? Vector{} : state;
      for (int j = start; j < length; ++j) {
        const Vector a = sum;
        sum = pole * a + load(u + static_cast<std::size_t>(j) * rowFloats);
        if (!whole) sum += rest * a;
      }
      if (whole) sum = load(power) * state + (load(power + rowFloats) * state + sum);
      store(x, sum);
    }
  }
}

// z from phase `start` to the end of the block, for the state as it is now.
void BlockedMemory::refill(int sequence, int group, int start) {
  const ModalGroup& g = m_table.groups[static_cast<std::size_t>(group)];
  const int length = m_blocks.length;
  for (int part = 0; part < groupSize; part += lanes) {
    float* z = responses(sequence, group) + part;
    const float* row = m_table.coefficients.data() + g.coefficients + part;
    const float* x = m_modal.state(sequence, group) + part;
    for (int j = start; j < length; ++j) store(z + static_cast<std::size_t>(j) * rowFloats, Vector{});
    for (int k = 0; k < g.pairs; ++k, row += ModalTable::rowsPerPair * rowFloats, x += 2 * rowFloats) {
      const Vector poleRe = load(row), poleIm = load(row + rowFloats);
      const Vector residueRe = load(row + 4 * rowFloats), residueIm = load(row + 5 * rowFloats);
      // R x decays as x does: one product less than Re(R x).
      const Vector a = load(x), b = load(x + rowFloats);
      Vector re = residueRe * a - residueIm * b, im = residueRe * b + residueIm * a;
      for (int j = start; j < length; ++j) {
        float* to = z + static_cast<std::size_t>(j) * rowFloats;
        store(to, load(to) + re);
        const Vector next = poleRe * re - poleIm * im;
        im = poleRe * im + poleIm * re;
        re = next;
      }
    }
    for (int k = 0; k < g.reals; ++k, row += ModalTable::rowsPerReal * rowFloats, x += rowFloats) {
      const Vector pole = load(row);
      Vector term = load(row + 2 * rowFloats) * load(x);
      for (int j = start; j < length; ++j) {
        float* to = z + static_cast<std::size_t>(j) * rowFloats;
        store(to, load(to) + term);
        term = term * pole;
      }
    }
  }
}

}  // namespace engine::cpu
