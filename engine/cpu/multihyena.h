// The MultiHyena operator on the CPU: project, short filter, convolve the outer products of each head, norm, project
// back, and add the operator's own normalised input.
#pragma once

#include <memory>

#include "engine/cpu/headmemory.h"
#include "engine/cpu/shortconvolution.h"
#include "engine/cpu/sublayer.h"

namespace engine::cpu {

class MultiHyenaSublayer final : public Sublayer {
 public:
  MultiHyenaSublayer(const ConvolutionOperator& weights, int heads, std::unique_ptr<HeadMemory> memory, int batch,
                     Workspace& workspace, Meter& state);
  void reset() override;
  void archive(StateArchive& state) override {
    m_short.archive(state);
    m_memory->archive(state);
  }
  void step(Context&, int position, int batch, float* residual) override;
  void prefill(Context&, int sequence, int position, int tokens, float* residual) override;

 private:
  void project(Context&, int rows, const float* residual);
  void finish(Context&, int rows, float* residual);
  void filter(int sequence, int tokens, int first, float* streams);

  const ConvolutionOperator& m_weights;
  int m_heads;
  std::unique_ptr<HeadMemory> m_memory;
  ShortConvolution m_short;
  Workspace& m_workspace;
  std::size_t m_width;
};

}  // namespace engine::cpu
