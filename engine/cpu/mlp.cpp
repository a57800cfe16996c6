#include "engine/cpu/mlp.h"

#include "engine/cpu/matmul.h"
#include "engine/cpu/pointwise.h"

namespace engine::cpu {

void MlpSublayer::step(Context& context, int, int batch, float* residual) {
  apply(context, batch, residual, residual);
}

void MlpSublayer::prefill(Context& context, int, int, int tokens, float* residual) {
  apply(context, tokens, residual, residual);
}

void MlpSublayer::apply(Context& context, int rows, const float* input, float* residual) {
  const auto width = static_cast<std::size_t>(m_mlp.in.inputs), inner = static_cast<std::size_t>(m_mlp.in.outputs);
  float* normed = m_workspace.normed.data();
  float* hidden = m_workspace.hidden.data();
  for (int first = 0; first < rows && !context.stopped(); first += m_workspace.pieceRows) {
    const int count = std::min(m_workspace.pieceRows, rows - first);
    float* piece = residual + static_cast<std::size_t>(first) * width;
    normalize(context.team, m_mlp.norm, input + static_cast<std::size_t>(first) * width, count, m_mlp.in.inputs,
              normed);
    linear(context, m_mlp.in, normed, width, count, hidden, inner, Write::assign, [&](const Tile& tile) {
      if (m_mlp.gated) return;  // needs both halves of a row
      for (int row = tile.firstRow; row < tile.firstRow + tile.rows; ++row)
        activate(m_mlp.activation, hidden + static_cast<std::size_t>(row) * inner + tile.firstFeature, tile.features);
    });
    if (m_mlp.gated)
      context.team.run(count, [&](int row, int) {
        float* a = hidden + static_cast<std::size_t>(row) * inner;
        const float* b = a + m_mlp.out.inputs;
        if (m_mlp.activation == Activation::sigmoid) return gate(a, b, m_mlp.out.inputs, a);
        activate(m_mlp.activation, a, m_mlp.out.inputs);
        for (int i = 0; i < m_mlp.out.inputs; ++i) a[i] *= b[i];
      });
    linear(context, m_mlp.out, hidden, inner, count, piece, width, Write::add);
  }
}

}  // namespace engine::cpu
