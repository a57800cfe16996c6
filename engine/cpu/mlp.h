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
  // residual += MLP(input), both [rows, width]; the same or apart.
  void apply(Context&, int rows, const float* input, float* residual);

 private:
  const Mlp& m_mlp;
  Workspace& m_workspace;
};

}  // namespace engine::cpu
