// Linear layers: y = x W^T + b, W in panels of 16 outputs (panels.h). Each output is one dot product in one fixed order
// of additions, inputs in turn in stretches of 256, whatever the batch, the tile or the number of threads: decoding and
// prefill, batch 1 and batch 64 give the same bits.
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

// One thread, one tile of the product; its first feature begins a panel. Row r of
// x starts at x + r * inStride, row r of y at y + r * outStride. O(rows * features * in).
void multiply(const Linear&, const Tile&, const float* x, std::size_t inStride, float* y, std::size_t outStride,
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
    multiply(layer, tile, x, inStride, y, outStride, write);
    after(tile);
  });
}

inline void linear(Context& context, const Linear& layer, const float* x, std::size_t inStride, int rows, float* y,
                   std::size_t outStride, Write write = Write::assign) {
  linear(context, layer, x, inStride, rows, y, outStride, write, [](const Tile&) {});
}

}  // namespace engine::cpu
