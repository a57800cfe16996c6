#include "engine/cpu/blockedheads.h"

#include <algorithm>
#include <cmath>
#include <complex>

#include "engine/cpu/promptconvolution.h"

namespace engine::cpu {
namespace {

std::size_t square(std::size_t size) {
  return size * size;
}

std::size_t ringRow(int headWidth) {
  const auto size = static_cast<std::size_t>(headWidth);
  return 2 * size + square(size);
}

}  // namespace

std::size_t BlockedHeads::extraStateFloats(int heads, int length, int headWidth) {
  return static_cast<std::size_t>(heads) * static_cast<std::size_t>(length) * ringRow(headWidth);
}

std::size_t BlockedHeads::extraTableFloats(int heads, int length, std::size_t modalFloatsPerEntry) {
  const auto m = static_cast<std::size_t>(length);
  return (2 * m + 2) * modalFloatsPerEntry + static_cast<std::size_t>(heads) * m;
}

BlockedHeads::BlockedHeads(const ModalTable& table, const analysis::DistilledBank& bank, int length, int headWidth,
                           int batch, Meter& state, Meter& tables)
    : m_headWidth(headWidth), m_length(length), m_heads(static_cast<std::size_t>(table.channels)) {
  const auto m = static_cast<std::size_t>(length);
  const std::size_t entries = square(static_cast<std::size_t>(headWidth));
  m_stateFloats = HeadRecurrence::stateFloats(table, headWidth);
  m_powers = Buffer<float>((2 * m + 2) * m_stateFloats / entries, tables);
  m_taps = Buffer<float>(m_heads.size() * m, tables);
  m_states = Buffer<float>(static_cast<std::size_t>(batch) * m_stateFloats, state);
  m_rings = Buffer<float>(static_cast<std::size_t>(batch) * extraStateFloats(table.channels, length, headWidth), state);
  std::size_t nextState = 0, nextPower = 0;
  for (std::size_t place = 0; place < table.order.size(); ++place) {
    if (table.order[place] < 0) continue;
    const auto index = static_cast<std::size_t>(table.order[place]);
    const analysis::DistilledFilter& filter = *bank.filters[index];
    const ModalGroup& group = table.groups[place / ModalTable::groupSize];
    Head& head = m_heads[index];
    head.state = nextState;
    nextState += static_cast<std::size_t>(2 * group.pairs + group.reals) * entries;
    std::size_t power = nextPower;
    nextPower += static_cast<std::size_t>(2 * group.pairs + group.reals) * (2 * m + 2);
    for (const analysis::Mode& mode : filter.model.modes) {
      head.modes.push_back({mode.pair, power});
      const std::size_t parts = mode.pair ? 2 : 1;
      float* to = m_powers.data() + power;
      const auto write = [&](std::size_t at, std::complex<double> value) {
        to[at] = static_cast<float>(value.real());
        if (mode.pair) to[(2 * m + 2) + at] = static_cast<float>(value.imag());
      };
      for (std::size_t j = 0; j <= m; ++j) write(j, std::exp(mode.logPole * static_cast<double>(j)));
      const std::complex<double> last = std::exp(mode.logPole * static_cast<double>(m));
      write(m + 1, {last.real() - static_cast<double>(static_cast<float>(last.real())),
                    last.imag() - static_cast<double>(static_cast<float>(last.imag()))});
      const std::complex<double> residue = (mode.pair ? 2.0 : 1.0) * mode.residue;
      for (std::size_t j = 0; j < m; ++j) write(m + 2 + j, residue * std::exp(mode.logPole * static_cast<double>(j)));
      power += parts * (2 * m + 2);
    }
    const std::vector<double> h = filter.model.impulseResponse(length);
    float* taps = m_taps.data() + index * m;
    for (std::size_t j = 0; j < m; ++j) taps[j] = static_cast<float>(h[j]);
    taps[0] = static_cast<float>(h[0] + filter.skip);
  }
}

void BlockedHeads::reset() {
  m_states.clear();
  m_rings.clear();
}

void BlockedHeads::advance(Context&, int, int sequence, int head, int position, int rows, const float* streams,
                           float* y) {
  const auto size = static_cast<std::size_t>(m_headWidth), at = static_cast<std::size_t>(head);
  const std::size_t width = m_heads.size() * size, row = ringRow(m_headWidth), m = static_cast<std::size_t>(m_length);
  float* ring = m_rings.data() + (static_cast<std::size_t>(sequence) * m_heads.size() + at) * m * row;
  const float* taps = m_taps.data() + at * m;
  for (int r = 0; r < rows; ++r, streams += 3 * width, y += width) {
    const int phase = (position + r + head) % m_length;
    const int begun = std::max(0, phase - (position + r));  // > 0 in the first block: it is shorter
    const float* query = streams + at * size;
    float* now = ring + static_cast<std::size_t>(phase) * row;
    std::copy_n(query + width, size, now);
    std::copy_n(query + 2 * width, size, now + size);
    float* to = y + at * size;
    std::fill_n(to, size, 0.0F);
    const float* z = now + 2 * size;
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t j = 0; j < size; ++j) to[j] += query[i] * z[i * size + j];
    for (int lag = 0; lag <= phase - begun; ++lag) {
      const float* past = now - static_cast<std::size_t>(lag) * row;
      const float weight = taps[lag] * dot(query, past, m_headWidth);
      for (std::size_t j = 0; j < size; ++j) to[j] += weight * past[size + j];
    }
    if (phase + 1 == m_length) close(sequence, head, phase + 1 - begun);
  }
}

// The state at the end of a block of which the last `used` inputs are there, and z of the next block.
void BlockedHeads::close(int sequence, int head, int used) {
  const auto size = static_cast<std::size_t>(m_headWidth), at = static_cast<std::size_t>(head);
  const std::size_t entries = square(size), row = ringRow(m_headWidth), m = static_cast<std::size_t>(m_length);
  float* ring = m_rings.data() + (static_cast<std::size_t>(sequence) * m_heads.size() + at) * m * row;
  float* x = m_states.data() + static_cast<std::size_t>(sequence) * m_stateFloats + m_heads[at].state;
  for (std::size_t p = 0; p < m; ++p) std::fill_n(ring + p * row + 2 * size, entries, 0.0F);
  for (const Mode& mode : m_heads[at].modes) {
    const float* re = m_powers.data() + mode.powers;
    const float* im = re + (2 * m + 2);  // of a pair
    float *a = x, *b = x + entries;
    if (mode.pair)
      for (std::size_t e = 0; e < entries; ++e) {
        const float oldRe = a[e], oldIm = b[e];
        a[e] = re[m] * oldRe - im[m] * oldIm + (re[m + 1] * oldRe - im[m + 1] * oldIm);
        b[e] = re[m] * oldIm + im[m] * oldRe + (re[m + 1] * oldIm + im[m + 1] * oldRe);
      }
    else
      for (std::size_t e = 0; e < entries; ++e) a[e] = re[m] * a[e] + re[m + 1] * a[e];
    for (std::size_t p = m - static_cast<std::size_t>(used); p < m; ++p) {
      const float *key = ring + p * row, *value = key + size;
      const std::size_t power = m - 1 - p;
      for (std::size_t i = 0; i < size; ++i) {
        const float scaledRe = re[power] * key[i], scaledIm = mode.pair ? im[power] * key[i] : 0;
        for (std::size_t j = 0; j < size; ++j) a[i * size + j] += scaledRe * value[j];
        if (mode.pair)
          for (std::size_t j = 0; j < size; ++j) b[i * size + j] += scaledIm * value[j];
      }
    }
    for (std::size_t p = 0; p < m; ++p) {
      float* z = ring + p * row + 2 * size;
      const float weightRe = re[m + 2 + p], weightIm = mode.pair ? im[m + 2 + p] : 0;
      for (std::size_t e = 0; e < entries; ++e) z[e] += weightRe * a[e];
      if (mode.pair)
        for (std::size_t e = 0; e < entries; ++e) z[e] -= weightIm * b[e];
    }
    x += (mode.pair ? 2 : 1) * entries;
  }
}

}  // namespace engine::cpu
