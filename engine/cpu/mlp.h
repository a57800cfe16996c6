// The position-wise part of a block.
#pragma once

#include "engine/cpu/sublayer.h"
#include "engine/weights.h"

namespace engine::cpu {

class MlpSublayer final : public Sublayer {
 public:
  MlpSublayer(const Mlp& mlp, Workspace& workspace) : m_mlp(mlp), m_workspace(workspace) {}
  void step(Context&, int position, int batch, float* residual) override;
  void prefill(Context&, int sequence, int position, int tokens, float* residual) override;

 private:
  void apply(Context&, int rows, float* residual);

  const Mlp& m_mlp;
  Workspace& m_workspace;
};

}  // namespace engine::cpu
