// Memories that look at what they are fed: the autocorrelation of each filter's input, window by window. For prefill of
// whole windows only; see engine/inputs.h.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "engine/cpu/headmemory.h"
#include "engine/cpu/longmemory.h"

namespace engine::cpu {

// Sums over windows, shared by the runners of several threads. For convolved channels the power spectra of the
// zero-padded windows, for heads the autocorrelations themselves.
struct InputSums {
  int channels = 0, tokens = 0;  // of a window
  std::mutex lock;
  std::vector<double> power;            // [channels, bins] of transforms of transformSize(tokens)
  std::vector<double> autocorrelation;  // [channels, tokens]
  long long windows = 0;

  static int transformSize(int tokens);
};

class ObservedMemory final : public LongMemory {
 public:
  ObservedMemory(std::unique_ptr<LongMemory> inner, InputSums& sums) : m_inner(std::move(inner)), m_sums(sums) {}
  void reset() override { m_inner->reset(); }
  void archive(StateArchive& state) override { m_inner->archive(state); }
  bool incremental() const override { return false; }  // windows are seen whole
  void step(Context& context, int position, const float* u, float* y) override {
    m_inner->step(context, position, u, y);
  }
  void prefill(Context&, int sequence, int position, int tokens, const float* u, float* y) override;

 private:
  std::unique_ptr<LongMemory> m_inner;
  InputSums& m_sums;
};

class ObservedHeads final : public HeadMemory {
 public:
  ObservedHeads(std::unique_ptr<HeadMemory> inner, int heads, int headWidth, InputSums& sums);
  void reset() override { m_inner->reset(); }
  void archive(StateArchive& state) override { m_inner->archive(state); }
  void advance(Context&, int thread, int sequence, int head, int position, int rows, const float* streams,
               float* y) override;

 private:
  std::unique_ptr<HeadMemory> m_inner;
  int m_headWidth;
  InputSums& m_sums;
  std::vector<float> m_keysAndValues;  // [heads, tokens, 2 headWidth] of the running window
};

}  // namespace engine::cpu
