// Attention and MLP beside each other: residual += attention(residual) + MLP(residual), both of the block's input
// (GPT-NeoX).
#pragma once

#include <algorithm>

#include "engine/cpu/attention.h"
#include "engine/cpu/mlp.h"

namespace engine::cpu {

class ParallelSublayer final : public Sublayer {
 public:
  ParallelSublayer(std::unique_ptr<AttentionSublayer> attention, std::unique_ptr<MlpSublayer> mlp, int width,
                   Workspace& workspace)
      : m_attention(std::move(attention)), m_mlp(std::move(mlp)), m_width(width), m_workspace(workspace) {}
  void archive(StateArchive& state) override { m_attention->archive(state); }

  void step(Context& context, int position, int batch, float* residual) override {
    keep(batch, residual);
    m_attention->step(context, position, batch, residual);
    m_mlp->apply(context, batch, m_workspace.input.data(), residual);
  }
  void prefill(Context& context, int sequence, int position, int tokens, float* residual) override {
    keep(tokens, residual);
    m_attention->prefill(context, sequence, position, tokens, residual);
    m_mlp->apply(context, tokens, m_workspace.input.data(), residual);
  }

 private:
  void keep(int rows, const float* residual) {
    std::copy_n(residual, static_cast<std::size_t>(rows) * static_cast<std::size_t>(m_width), m_workspace.input.data());
  }

  std::unique_ptr<AttentionSublayer> m_attention;
  std::unique_ptr<MlpSublayer> m_mlp;
  int m_width;
  Workspace& m_workspace;
};

}  // namespace engine::cpu
