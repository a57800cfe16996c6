#include "engine/cpu/headmemory.h"

#include <algorithm>

namespace engine::cpu {
namespace {

constexpr std::size_t groupSize = ModalTable::groupSize;

std::size_t square(int headWidth) {
  return static_cast<std::size_t>(headWidth) * static_cast<std::size_t>(headWidth);
}

}  // namespace

HeadConvolution::HeadConvolution(const FilterBank& bank, int heads, int headWidth, int batch, int capacity,
                                 Meter& cache)
    : m_bank(bank), m_cache(heads, headWidth, batch, capacity, cache) {}

std::size_t HeadConvolution::scratchFloats(int capacity) {
  return (static_cast<std::size_t>(capacity) + 15) / 16 * 16;
}

void HeadConvolution::advance(Context& context, int thread, int sequence, int head, int position, int rows,
                              const float* streams, float* y) {
  const int headWidth = m_cache.headWidth();
  const std::size_t width = static_cast<std::size_t>(m_cache.heads()) * static_cast<std::size_t>(headWidth);
  const float* newest =
      m_bank.reversed.data() + static_cast<std::size_t>(head + 1) * static_cast<std::size_t>(m_bank.length) - 1;
  const float skip = m_bank.skip[static_cast<std::size_t>(head)];
  float* scores = context.scratchOf(thread);
  for (int r = 0; r < rows; ++r, streams += 3 * width, y += width) {
    const float* query = streams + head * headWidth;
    m_cache.append(sequence, head, position + r, query + width, query + 2 * width);
    const int last = position + r + 1, first = std::max(0, last - m_bank.length);
    m_cache.scores(sequence, head, first, last, query, 3 * width, 1, scores, static_cast<std::size_t>(last - first));
    const float* taps = newest - (last - first - 1);
    const float direct = skip * scores[last - first - 1];
    for (int s = 0; s < last - first; ++s) scores[s] *= taps[s];
    scores[last - first - 1] += direct;
    m_cache.weigh(sequence, head, first, last, scores, 0, 1, y + head * headWidth, 0);
  }
}

std::size_t HeadRecurrence::stateFloats(const ModalTable& table, int headWidth) {
  std::size_t floats = 0;
  for (std::size_t place = 0; place < table.order.size(); ++place) {
    const ModalGroup& group = table.groups[place / groupSize];
    if (table.order[place] >= 0) floats += static_cast<std::size_t>(2 * group.pairs + group.reals) * square(headWidth);
  }
  return floats;
}

std::size_t HeadRecurrence::scratchFloats(int headWidth) {
  return (2 * square(headWidth) + 15) / 16 * 16;
}

HeadRecurrence::HeadRecurrence(const ModalTable& table, Buffer<float> sections, int headWidth, int batch, Meter& state)
    : m_table(table),
      m_sections(std::move(sections)),
      m_headWidth(headWidth),
      m_places(static_cast<std::size_t>(table.channels)),
      m_stateFloats(stateFloats(table, headWidth)),
      m_states(static_cast<std::size_t>(batch) * m_stateFloats, state) {
  std::size_t next = 0;
  for (std::size_t place = 0; place < table.order.size(); ++place) {
    if (table.order[place] < 0) continue;
    const ModalGroup& group = table.groups[place / groupSize];
    m_places[static_cast<std::size_t>(table.order[place])] = {static_cast<int>(place), next};
    next += static_cast<std::size_t>(2 * group.pairs + group.reals) * square(headWidth);
  }
}

void HeadRecurrence::advance(Context& context, int thread, int sequence, int head, int, int rows, const float* streams,
                             float* y) {
  const Place& place = m_places[static_cast<std::size_t>(head)];
  const auto lane = static_cast<std::size_t>(place.place) % groupSize;
  const ModalGroup& group = m_table.groups[static_cast<std::size_t>(place.place) / groupSize];
  const float direct = m_table.direct[static_cast<std::size_t>(place.place)];
  const std::size_t entries = square(m_headWidth), size = static_cast<std::size_t>(m_headWidth);
  const std::size_t width = static_cast<std::size_t>(m_table.channels) * size;
  float* input = context.scratchOf(thread);  // k v^T
  float* output = input + entries;           // its convolution
  for (int r = 0; r < rows; ++r, streams += 3 * width, y += width) {
    const float* query = streams + static_cast<std::size_t>(head) * size;
    const float* key = query + width;
    const float* value = key + width;
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t j = 0; j < size; ++j) input[i * size + j] = key[i] * value[j];
    for (std::size_t e = 0; e < entries; ++e) output[e] = direct * input[e];

    const bool sections = m_sections.size() > 0;
    const float* row = (sections ? m_sections : m_table.coefficients).data() + group.coefficients + lane;
    float* re = m_states.data() + static_cast<std::size_t>(sequence) * m_stateFloats + place.state;
    for (int k = 0; k < group.pairs; ++k, row += ModalTable::rowsPerPair * groupSize, re += 2 * entries) {
      const float poleRe = row[0], poleIm = row[groupSize], restRe = row[2 * groupSize], restIm = row[3 * groupSize];
      const float residueRe = row[4 * groupSize], residueIm = row[5 * groupSize];
      float* im = re + entries;
      if (sections) {  // p, q, its rest, s, c_1, c_2 of tables.h
        for (std::size_t e = 0; e < entries; ++e) {
          const float w = re[e], d = im[e];
          output[e] += residueRe * w + residueIm * d;
          im[e] = (restRe * d + input[e]) + poleRe * w + poleIm * d;
          re[e] = restIm * w + im[e];
        }
        continue;
      }
      for (std::size_t e = 0; e < entries; ++e) {
        const float a = re[e], b = im[e];
        output[e] += residueRe * a - residueIm * b;
        re[e] = (restRe * a - restIm * b + input[e]) + poleRe * a - poleIm * b;
        im[e] = (restRe * b + restIm * a) + poleRe * b + poleIm * a;
      }
    }
    for (int k = 0; k < group.reals; ++k, row += ModalTable::rowsPerReal * groupSize, re += entries) {
      const float pole = row[0], rest = row[groupSize], residue = row[2 * groupSize];
      for (std::size_t e = 0; e < entries; ++e) {
        const float a = re[e];
        output[e] += residue * a;
        re[e] = pole * a + (rest * a + input[e]);
      }
    }
    float* to = y + static_cast<std::size_t>(head) * size;
    std::fill_n(to, size, 0.0F);
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t j = 0; j < size; ++j) to[j] += query[i] * output[i * size + j];
  }
}

}  // namespace engine::cpu
