// The exact convolution with near-linear total work: relaxed multiplication (engine page, section 2.1; van der Hoeven
// 2002, and the Flash Inference idea). Before step i of a generation, with U the largest power of two dividing i, the
// inputs [i-U, i) are convolved into the outputs [i, i+U); every pair meets exactly once. The prompt's share of all
// future outputs is added at once.
#pragma once

#include "engine/cpu/headmemory.h"
#include "engine/cpu/longmemory.h"
#include "engine/cpu/promptconvolution.h"

namespace engine::cpu {

// The sums of one sequence of inputs. It has a slot for every token of the capacity: the output being summed, later the
// input.
class Tiles {
 public:
  // `bank` must outlive it.
  Tiles(const FilterBank& bank, int capacity) : m_bank(bank), m_capacity(capacity) {}
  // Floats that add() and a prompt of the whole capacity need.
  static std::size_t scratchFloats(int filterLength, int capacity);
  // Tiles from this side on go by FFT.
  static constexpr int fftSide = 256;
  // Of the tile that is due before step `done` of a generation; 0: none.
  static int side(int done) { return done & -done; }

  // Inputs [position - side, position) into outputs [position, position + side); none for side 0.
  void add(float* scratch, int filter, int side, int position, float* slots) const;
  // Puts the input into its slot; returns the output, skip included.
  float take(int filter, int position, float input, float* slots) const;

 private:
  const FilterBank& m_bank;
  int m_capacity;
};

class TiledMemory final : public LongMemory {
 public:
  // 4 bytes per channel, sequence and token of capacity. `bank` must outlive it.
  // `way` of prompts: fft, toeplitz or automatic.
  TiledMemory(const FilterBank& bank, int batch, int capacity, Meter& cache, Prefill way = Prefill::automatic);

  void reset() override {
    m_slots.clear();
    m_first = -1;
  }
  void archive(StateArchive& state) override {
    state.value(m_slots);
    state.value(m_first);
  }
  bool incremental() const override { return false; }
  void step(Context&, int position, const float* u, float* y) override;
  void prefill(Context&, int sequence, int position, int tokens, const float* u, float* y) override;

 private:
  float* slots(int sequence, int channel);

  const FilterBank& m_bank;
  Prefill m_way;
  Tiles m_tiles;
  int m_batch, m_capacity;
  Buffer<float> m_slots;  // [batch, channels, capacity]
  int m_first = -1;       // position of the first step
};

// The same for the entries of k v^T of MultiHyena's heads: the queries that will read a sum are not known when the tile
// is added, so every entry has its own slots. 4 N bytes per channel, sequence and token of capacity, N the head width:
// for heads of one or two channels less than keys and values, beyond that the price of near-linear work.
class HeadTiles final : public HeadMemory {
 public:
  // `bank` must outlive it.
  HeadTiles(const FilterBank& bank, int heads, int headWidth, int batch, int capacity, Meter& cache,
            Prefill way = Prefill::automatic);
  void reset() override;
  void archive(StateArchive&) override;
  // Several rows are (a piece of) a prompt, whose share of all future outputs is added at once; one row is a step.
  void advance(Context&, int thread, int sequence, int head, int position, int rows, const float* streams,
               float* y) override;

 private:
  void step(float* scratch, int head, int position, int& first, const float* query, float* slots, float* y) const;
  void prompt(float* scratch, int head, int position, int rows, const float* query, float* slots, float* y) const;

  const FilterBank& m_bank;
  Prefill m_way;
  Tiles m_tiles;
  int m_heads, m_headWidth, m_capacity;
  Buffer<float> m_slots;     // [batch, heads, head width of k, head width of v, capacity]
  std::vector<int> m_first;  // [batch, heads]: position of the first step, -1 before it
};

}  // namespace engine::cpu
