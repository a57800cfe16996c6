// The exact convolution with near-linear total work: relaxed multiplication (engine page, section 2.1; van der Hoeven
// 2002, and the Flash Inference idea). Before step i of a generation, with U the largest power of two dividing i, the
// inputs [i-U, i) are convolved into the outputs [i, i+U); every pair meets exactly once. The prompt's share of all
// future outputs is added at once, by FFT.
#pragma once

#include "engine/cpu/fftconvolution.h"
#include "engine/cpu/longmemory.h"

namespace engine::cpu {

class TiledMemory final : public LongMemory {
 public:
  // 4 bytes per channel, sequence and token of capacity: the output being summed, later the input. `bank` must outlive
  // it.
  TiledMemory(const FilterBank& bank, int batch, int capacity, Meter& cache);

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

  // Scratch floats per thread, for prompts and tiles.
  static std::size_t scratchFloats(int filterLength, int capacity);
  // Tiles from this side on go by FFT.
  static constexpr int fftSide = 256;

 private:
  float* slots(int sequence, int channel);
  void tile(float* scratch, int channel, int side, int position, float* slots) const;

  const FilterBank& m_bank;
  int m_batch, m_capacity;
  Buffer<float> m_slots;  // [batch, channels, capacity]
  int m_first = -1;       // position of the first step
};

}  // namespace engine::cpu
