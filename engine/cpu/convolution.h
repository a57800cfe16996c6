// The exact convolution, lazy form: keep the last inputs, and make each output by one dot product with the filter.
// A step costs O(min(t, L)) per channel, a prompt O(T log T) by FFT or O(T^2) as it is written.
#pragma once

#include <vector>

#include "engine/cpu/longmemory.h"
#include "engine/weights.h"
#include "engine/workload.h"

namespace engine::cpu {

class ConvolutionMemory final : public LongMemory {
 public:
  // Keeps min(capacity, bank.length) inputs per channel and sequence in float32. `bank` must outlive it.
  // `way`: fft, toeplitz or automatic.
  ConvolutionMemory(const FilterBank& bank, int batch, int capacity, Meter& cache, Prefill way = Prefill::automatic);

  void reset() override;
  void archive(StateArchive& state) override { state.value(m_rings); }
  bool incremental() const override { return false; }
  void step(Context&, int position, const float* u, float* y) override;
  void prefill(Context&, int sequence, int position, int tokens, const float* u, float* y) override;

  // Inputs kept per channel.
  static int ringLength(int filterLength, int capacity);
  // Scratch floats that prefill of `tokens` needs per thread.
  static std::size_t scratchFloats(int filterLength, int tokens);

 private:
  float* ring(int sequence, int channel);

  const FilterBank& m_bank;
  Prefill m_way;
  int m_batch, m_ringLength;
  Buffer<float> m_rings;  // [batch, channels, ring]; the input of token t lies in slot t mod ring
};

}  // namespace engine::cpu
