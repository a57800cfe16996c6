// Linear layers: y = x W^T + b, W [out, in] as files store it. Each output is one dot product in one fixed order of
// additions, whatever the batch, the tile or the number of threads: decoding and prefill, batch 1 and batch 64 give
// the same bits.
#pragma once

#include <algorithm>
#include <cstddef>

#include "engine/cpu/context.h"
#include "engine/weights.h"

namespace engine::cpu {

// Which outputs of which rows.
struct Tile {
  int firstRow = 0, rows = 0;
  int firstFeature = 0, features = 0;
};

enum class Write { assign, add };

// [outputs, inputs], row after row, in float or (weight null) in bfloat16, widened in registers; bias may be null.
struct Matrix {
  const float* weight = nullptr;
  const float* bias = nullptr;
  int inputs = 0;
  const Bfloat16* half = nullptr;
};

inline Matrix view(const Linear& layer) {
  return {layer.weight.data(), layer.bias.size() > 0 ? layer.bias.data() : nullptr, layer.inputs, layer.half.data()};
}

// One thread, one tile of the product. Row r of x starts at x + r * inStride, row r of y at y + r * outStride.
// O(rows * features * in).
void multiply(const Matrix&, const Tile&, const float* x, std::size_t inStride, float* y, std::size_t outStride,
              Write = Write::assign);

// How a product of this size is cut so that every thread finds work and weights stay in cache.
class Tiling {
 public:
  Tiling(int rows, int features, int threads);
  int count() const { return m_rowTiles * m_featureTiles; }
  Tile operator[](int index) const;

 private:
  int m_rows, m_features, m_rowStep, m_featureStep, m_rowTiles, m_featureTiles;
};

// The whole product on all threads. `after(tile)` runs on the thread that made the tile. x must not overlap y. When
// stopped, tiles that nobody has begun are left out.
template <class After>
void linear(Context& context, const Linear& layer, const float* x, std::size_t inStride, int rows, float* y,
            std::size_t outStride, Write write, After&& after) {
  const Tiling tiling(rows, layer.outputs, context.team.size());
  context.team.run(tiling.count(), [&](int index, int) {
    if (context.stopped()) return;
    const Tile tile = tiling[index];
    multiply(view(layer), tile, x, inStride, y, outStride, write);
    after(tile);
  });
}

inline void linear(Context& context, const Linear& layer, const float* x, std::size_t inStride, int rows, float* y,
                   std::size_t outStride, Write write = Write::assign) {
  linear(context, layer, x, inStride, rows, y, outStride, write, [](const Tile&) {});
}

}  // namespace engine::cpu
