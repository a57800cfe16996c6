// The Hyena operator of order o on the CPU: project to o+1 streams, short filter, then gate and convolve o-1 times,
// gate, project back. The mode lives in the LongMemory of each convolution.
#pragma once

#include <memory>
#include <vector>

#include "engine/cpu/longmemory.h"
#include "engine/cpu/shortconvolution.h"
#include "engine/cpu/sublayer.h"

namespace engine::cpu {

class HyenaSublayer final : public Sublayer {
 public:
  // memories: one for each long filter, in order of use.
  HyenaSublayer(const ConvolutionOperator& weights, std::vector<std::unique_ptr<LongMemory>> memories, int batch,
                Workspace& workspace, Meter& state);
  void reset() override;
  void archive(StateArchive&) override;
  bool incremental() const override;
  void step(Context&, int position, int batch, float* residual) override;
  void prefill(Context&, int sequence, int position, int tokens, float* residual) override;

 private:
  void project(Context&, int rows, const float* residual);
  void filterColumns(int sequence, int tokens, int first, float* streams, float* mixed);
  void gateBy(Context&, int stream, int rows);

  const ConvolutionOperator& m_weights;
  std::vector<std::unique_ptr<LongMemory>> m_memories;
  ShortConvolution m_short;
  Workspace& m_workspace;
  std::size_t m_width, m_streams;
};

}  // namespace engine::cpu
