// A bank of which only some channels have models: the rest stays a convolution beside any recurrence.
#pragma once

#include <memory>

#include "engine/cpu/convolution.h"
#include "engine/tables.h"

namespace engine::cpu {

class PartialMemory final : public LongMemory {
 public:
  // `modelled` gives 0 for the channels of table.kept, which must not be empty. `table` must outlive it.
  PartialMemory(std::unique_ptr<LongMemory> modelled, const ModalTable& table, int batch, int capacity, Meter& cache,
                Meter& workspace);

  void reset() override;
  void archive(StateArchive& state) override {
    m_modelled->archive(state);
    m_kept.archive(state);
  }
  bool incremental() const override { return false; }
  void step(Context&, int position, const float* u, float* y) override;
  void prefill(Context&, int sequence, int position, int tokens, const float* u, float* y) override;

 private:
  void gather(int rows, const float* u);
  void scatter(int rows, float* y) const;

  std::unique_ptr<LongMemory> m_modelled;
  const ModalTable& m_table;
  int m_batch;
  ConvolutionMemory m_kept;
  Buffer<float> m_inputs;  // [tokens or batch, kept channels]; becomes their outputs
};

}  // namespace engine::cpu
