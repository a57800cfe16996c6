#include "engine/cpu/chunks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>

#include "engine/cpu/vector.h"

namespace engine::cpu {
namespace {

constexpr int Q = ChunkTable::length;
constexpr std::size_t width = ModalTable::groupSize;
constexpr int atOnce = 4;    // chunks that share each entry of the tables that was loaded
constexpr int rowBlock = 8;  // rows of state at a time

using Matrix = std::array<double, 4>;  // rows first

Matrix product(const Matrix& a, const Matrix& b) {
  return {a[0] * b[0] + a[1] * b[2], a[0] * b[1] + a[1] * b[3], a[2] * b[0] + a[3] * b[2], a[2] * b[1] + a[3] * b[3]};
}

// A pair as a linear system of two states: A^t for t = 0 .. Q, what an input adds to them, and how they are read.
struct System {
  std::array<Matrix, Q + 1> powers;
  double input[2], output[2];
};

System systemOf(const analysis::Mode& mode, bool sections) {
  System system;
  if (sections) {
    const Section s = section(mode);
    const Matrix once{s.s + s.p, s.q, s.p, s.q};
    system.powers[0] = {1, 0, 0, 1};
    for (std::size_t t = 1; t <= Q; ++t) system.powers[t] = product(once, system.powers[t - 1]);
    system.input[0] = system.input[1] = 1;
    system.output[0] = s.c1;
    system.output[1] = s.c2;
    return system;
  }
  for (std::size_t t = 0; t <= Q; ++t) {
    const std::complex<double> power = std::exp(mode.logPole * static_cast<double>(t));
    system.powers[t] = {power.real(), -power.imag(), power.imag(), power.real()};
  }
  system.input[0] = 1;
  system.input[1] = 0;
  system.output[0] = 2 * mode.residue.real();
  system.output[1] = -2 * mode.residue.imag();
  return system;
}

void split(double value, float* high, float* low) {
  *high = static_cast<float>(value);
  *low = static_cast<float>(value - static_cast<double>(*high));
}

// Writes the pair whose two rows begin at `row` of these tables, one channel's lane.
void writePair(const System& system, float* inputs, float* outputs, float* carry) {
  for (std::size_t t = 0; t < Q; ++t) {
    const Matrix& power = system.powers[t];
    for (std::size_t i = 0; i < 2; ++i) {
      inputs[(i * Q + t) * width] =
          static_cast<float>(power[2 * i] * system.input[0] + power[2 * i + 1] * system.input[1]);
      outputs[(i * Q + t) * width] = static_cast<float>(system.output[0] * power[i] + system.output[1] * power[2 + i]);
    }
  }
  for (std::size_t i = 0; i < 4; ++i) split(system.powers[Q][i], carry + i * width, carry + (4 + i) * width);
}

void writeReal(const analysis::Mode& mode, float* inputs, float* outputs, float* carry) {
  for (std::size_t t = 0; t < Q; ++t) {
    const double power = mode.pole().real() < 0 && t % 2 == 1 ? -std::exp(mode.logPole.real() * static_cast<double>(t))
                                                              : std::exp(mode.logPole.real() * static_cast<double>(t));
    inputs[t * width] = static_cast<float>(power);
    outputs[t * width] = static_cast<float>(mode.residue.real() * power);
  }
  split(std::pow(mode.pole().real(), Q), carry, carry + width);
}

// One register of channels, Chunks chunks in a row. u and y lie [token, 16].
template <int Chunks>
class Walk {
 public:
  Walk(const ChunkTable& table, const ModalTable& modal, int group, std::size_t part, const float* u, float* y,
       float* state)
      : m_u(u + part), m_y(y ? y + part : nullptr), m_state(state + part) {
    const ModalGroup& g = modal.groups[static_cast<std::size_t>(group)];
    m_pairs = g.pairs;
    m_rows = 2 * g.pairs + g.reals;
    m_inputs = table.inputs.data() + g.state * Q + part;
    m_outputs = table.outputs.data() + g.state * Q + part;
    m_carry = table.carry.data() + g.state * ChunkTable::carryRows + part;
    m_taps = table.taps.data() + static_cast<std::size_t>(group) * Q * width + part;
  }
  void run() {
    if (m_y) convolve();
    for (int row = 0; row < m_rows; row += rowBlock) {
      const int rows = std::min(rowBlock, m_rows - row);
      int r = 0;
      for (; r + 2 <= rows; r += 2) gather<2>(row, r);
      if (r < rows) gather<1>(row, r);
      carry(row, rows);
      if (m_y) read(row, rows);
    }
    for (int i = 0; m_y && i < Chunks * Q; ++i) store(m_y + static_cast<std::size_t>(i) * width, m_sums[i]);
  }

 private:
  Vector input(int chunk, int t) const { return load(m_u + static_cast<std::size_t>(chunk * Q + t) * width); }

  // The chunk's own inputs, straight through the taps.
  void convolve() {
    for (int t = 0; t < Q; ++t) {
      Vector sums[Chunks] = {};
      for (int lag = 0; lag <= t; ++lag) {
        const Vector tap = held(load(m_taps + static_cast<std::size_t>(lag) * width));
        unrolled<Chunks>([&](auto c) { sums[c] += tap * input(c, t - lag); });
      }
      unrolled<Chunks>([&](auto c) { m_sums[c * Q + t] = sums[c]; });
    }
  }
  // What each chunk's inputs leave in rows [row, row + Rows) at its end.
  template <int Rows>
  void gather(int row, int r) {
    const float* table = m_inputs + static_cast<std::size_t>(row + r) * Q * width;
    Vector sums[Rows * Chunks] = {};
    for (int j = Q - 1; j >= 0; --j) {
      Vector weight[Rows];
      unrolled<Rows>([&](auto i) { weight[i] = held(load(table + static_cast<std::size_t>(i * Q + j) * width)); });
      unrolled<Chunks>([&](auto c) {
        const Vector in = input(c, Q - 1 - j);
        unrolled<Rows>([&](auto i) { sums[i * Chunks + c] += weight[i] * in; });
      });
    }
    unrolled<Rows * Chunks>([&](auto i) { m_gathered[i % Chunks][r + i / Chunks] = sums[i]; });
  }
  // m_states[c][r]: row `row` + r at the start of chunk c. Small terms first, as in the scan.
  void carry(int row, int rows) {
    for (int r = 0; r < rows;) {
      const float* power = m_carry + static_cast<std::size_t>(row + r) * ChunkTable::carryRows * width;
      const auto entry = [power](std::size_t i) { return load(power + i * width); };
      float* at = m_state + static_cast<std::size_t>(row + r) * width;
      if (row + r < 2 * m_pairs) {
        Vector a = load(at), b = load(at + width);
        for (int c = 0; c < Chunks; ++c) {
          m_states[c][r] = a;
          m_states[c][r + 1] = b;
          const Vector next = (entry(4) * a + entry(5) * b + m_gathered[c][r]) + entry(0) * a + entry(1) * b;
          b = (entry(6) * a + entry(7) * b + m_gathered[c][r + 1]) + entry(2) * a + entry(3) * b;
          a = next;
        }
        store(at, a);
        store(at + width, b);
        r += 2;
      } else {
        Vector a = load(at);
        for (int c = 0; c < Chunks; ++c) {
          m_states[c][r] = a;
          a = entry(0) * a + (entry(1) * a + m_gathered[c][r]);
        }
        store(at, a);
        ++r;
      }
    }
  }
  // What the states at its start add to the outputs of each chunk, two tokens at a time.
  void read(int row, int rows) {
    const float* table = m_outputs + static_cast<std::size_t>(row) * Q * width;
    for (int t = 0; t < Q; t += 2) {
      Vector sums[2 * Chunks];
      unrolled<2 * Chunks>([&](auto i) { sums[i] = m_sums[i / 2 * Q + t + i % 2]; });
      for (int r = 0; r < rows; ++r) {
        const float* at = table + static_cast<std::size_t>(r * Q + t) * width;
        const Vector weights[2] = {held(load(at)), held(load(at + width))};
        unrolled<2 * Chunks>([&](auto i) { sums[i] += weights[i % 2] * m_states[i / 2][r]; });
      }
      unrolled<2 * Chunks>([&](auto i) { m_sums[i / 2 * Q + t + i % 2] = sums[i]; });
    }
  }

  const float* m_u;
  float* m_y;
  float* m_state;
  int m_pairs = 0, m_rows = 0;
  const float *m_inputs, *m_outputs, *m_carry, *m_taps;
  Vector m_sums[Chunks * Q];
  Vector m_gathered[Chunks][rowBlock], m_states[Chunks][rowBlock];
};

}  // namespace

std::size_t chunkTableFloats(std::size_t stateFloats, std::size_t places) {
  return (2 * Q + ChunkTable::carryRows) * stateFloats + Q * places;
}

ChunkTable chunkTable(const ModalTable& table, const analysis::DistilledBank& bank, bool sections, Meter& tables) {
  ChunkTable result;
  result.inputs = Buffer<float>(table.stateFloats * Q, tables);
  result.outputs = Buffer<float>(table.stateFloats * Q, tables);
  result.carry = Buffer<float>(table.stateFloats * ChunkTable::carryRows, tables);
  result.taps = Buffer<float>(table.order.size() * Q, tables);
  for (std::size_t place = 0; place < table.order.size(); ++place) {
    if (table.order[place] < 0) continue;
    const auto& filter = bank.filters[static_cast<std::size_t>(table.order[place])];
    if (!filter) continue;
    const ModalGroup& group = table.groups[place / width];
    const std::size_t lane = place % width;
    std::size_t pair = group.state, real = group.state + static_cast<std::size_t>(2 * group.pairs) * width;
    for (const analysis::Mode& mode : filter->model.modes) {
      std::size_t& at = mode.pair ? pair : real;
      float* inputs = result.inputs.data() + at * Q + lane;
      float* outputs = result.outputs.data() + at * Q + lane;
      float* carry = result.carry.data() + at * ChunkTable::carryRows + lane;
      if (mode.pair)
        writePair(systemOf(mode, sections), inputs, outputs, carry);
      else
        writeReal(mode, inputs, outputs, carry);
      at += (mode.pair ? 2 : 1) * width;
    }
    const std::vector<double> h = filter->model.impulseResponse(Q);
    float* taps = result.taps.data() + place / width * Q * width + lane;
    taps[0] = table.direct[place];
    for (std::size_t t = 1; t < h.size(); ++t) taps[t * width] = static_cast<float>(h[t]);
  }
  return result;
}

void runChunks(const ChunkTable& table, const ModalTable& modal, int group, int tokens, const float* u, float* y,
               float* state) {
  constexpr std::size_t chunk = Q * width;
  for (std::size_t part = 0; part < width; part += lanes) {
    int done = 0;
    const auto at = [&](auto* from) { return from ? from + static_cast<std::size_t>(done / Q) * chunk : nullptr; };
    for (; done + atOnce * Q <= tokens; done += atOnce * Q)
      Walk<atOnce>(table, modal, group, part, at(u), at(y), state).run();
    for (; done < tokens; done += Q) Walk<1>(table, modal, group, part, at(u), at(y), state).run();
  }
}

}  // namespace engine::cpu
