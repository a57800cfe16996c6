#include "engine/cpu/matmul.h"

#include <utility>

#include "engine/cpu/vector.h"

namespace engine::cpu {
namespace {

constexpr int stretch = 256;      // inputs that are summed in registers before they join the sum
constexpr int rowStride = 272;    // of the copied inputs: neighbouring rows do not meet in the same cache lines
constexpr int maxRows = 256;      // of a tile: weights pass by as many before they are read anew
constexpr int maxFeatures = 512;  // whose sums are kept at once: inputs are copied once for them
constexpr int perPanel = panelOutputs / lanes;
constexpr int tallRows = lanes == 16 ? 14 : 6;  // with two registers of features they fill the registers

// Inputs of some rows and the sums so far, in the first two levels of cache.
struct Kept {
  alignas(64) float inputs[maxRows * rowStride];
  alignas(64) float sums[maxRows * maxFeatures];
};

// sums[r][f] += (or =, for the first) sum over `count` inputs k of x[r][k] w[k][f], for Rows rows and Vectors registers
// of features. Written with constant indices: GCC keeps arrays in registers only where no loop is left when it looks.
template <int Rows, int Vectors, class Weight, int... V, int... I>
void block(const Weight* weights, std::size_t panel, const float* x, int count, bool first, float* sums,
           std::integer_sequence<int, V...>, std::integer_sequence<int, I...>) {
  Vector total[Rows * Vectors] = {};
  for (int k = 0; k < count; ++k, weights += panelOutputs, ++x) {
    const Vector weight[Vectors] = {held(load(weights + V / perPanel * panel + V % perPanel * lanes))...};
    ((total[I] += everywhere(x[I / Vectors * rowStride]) * weight[I % Vectors]), ...);
  }
  const auto place = [sums](int i) { return sums + i / Vectors * maxFeatures + i % Vectors * lanes; };
  if (first)
    (store(place(I), total[I]), ...);
  else
    (store(place(I), load(place(I)) + total[I]), ...);
}

// `vectors` registers of features, Vectors at a time as long as there are so many, then half as many.
template <int Rows, int Vectors, class Weight>
void columns(const Weight* weights, std::size_t panel, int vectors, const float* x, int count, bool first,
             float* sums) {
  int v = 0;
  for (; v + Vectors <= vectors; v += Vectors)
    block<Rows, Vectors>(weights + v / perPanel * panel + v % perPanel * lanes, panel, x, count, first,
                         sums + v * lanes, std::make_integer_sequence<int, Vectors>(),
                         std::make_integer_sequence<int, Rows * Vectors>());
  if constexpr (Vectors > 1)
    if (v < vectors)
      columns<Rows, Vectors / 2>(weights + v / perPanel * panel + v % perPanel * lanes, panel, vectors - v, x, count,
                                 first, sums + v * lanes);
}

// All rows of the tile, as many at a time as the registers hold; the last ones share registers with more features.
template <class Weight>
void rowsOf(const Weight* weights, std::size_t panel, int vectors, const float* x, int rows, int count, bool first,
            float* sums) {
  const auto next = [&](int done) { x += done * rowStride, sums += done * maxFeatures, rows -= done; };
  // Two registers of weights at a time pass by all rows.
  const int tall = rows / tallRows * tallRows;
  for (int v = 0; v < vectors; v += 2)
    for (int r = 0; r < tall; r += tallRows)
      columns<tallRows, 2>(weights + v / perPanel * panel + v % perPanel * lanes, panel, std::min(2, vectors - v),
                           x + r * rowStride, count, first, sums + r * maxFeatures + v * lanes);
  next(tall);
  if constexpr (tallRows > 8)
    if (rows >= 8) columns<8, 2>(weights, panel, vectors, x, count, first, sums), next(8);
  if (rows >= 4) columns<4, lanes == 16 ? 4 : 2>(weights, panel, vectors, x, count, first, sums), next(4);
  if (rows >= 2) columns<2, lanes == 16 ? 8 : 4>(weights, panel, vectors, x, count, first, sums), next(2);
  if (rows >= 1) columns<1, 8>(weights, panel, vectors, x, count, first, sums);
}

template <class Weight>
void multiplyWith(const Weight* weights, const Linear& layer, const Tile& tile, const float* x, std::size_t inStride,
                  float* y, std::size_t outStride, Write write, Kept& kept) {
  const auto row = [](int r, std::size_t stride) { return static_cast<std::size_t>(r) * stride; };
  const std::size_t panel = panelPlace(panelOutputs, 0, layer.inputs);
  for (int done = 0; done < tile.features; done += maxFeatures) {
    const int feature = tile.firstFeature + done, features = std::min(maxFeatures, tile.features - done);
    const int vectors = (features + panelOutputs - 1) / panelOutputs * perPanel;
    for (int k = 0; k < layer.inputs; k += stretch) {
      const int count = std::min(stretch, layer.inputs - k);
      for (int r = 0; r < tile.rows; ++r) std::copy_n(x + row(r, inStride) + k, count, kept.inputs + r * rowStride);
      rowsOf(weights + panelPlace(feature, k, layer.inputs), panel, vectors, kept.inputs, tile.rows, count, k == 0,
             kept.sums);
    }
    const float* bias = layer.bias.size() > 0 ? layer.bias.data() + feature : nullptr;
    for (int r = 0; r < tile.rows; ++r) {
      const float* sums = kept.sums + r * maxFeatures;
      float* to = y + row(r, outStride) + feature;
      for (int f = 0; f < features; ++f) {
        const float value = sums[f] + (bias ? bias[f] : 0.0F);
        to[f] = write == Write::add ? to[f] + value : value;
      }
    }
  }
}

}  // namespace

void multiply(const Linear& layer, const Tile& tile, const float* x, std::size_t inStride, float* y,
              std::size_t outStride, Write write) {
  Kept kept;  // three quarters of a megabyte of the stack
  Tile part = tile;
  for (int r = tile.firstRow; r < tile.firstRow + tile.rows; r += maxRows) {
    part.rows = std::min(maxRows, tile.firstRow + tile.rows - r);
    const float* in = x + static_cast<std::size_t>(r) * inStride;
    float* out = y + static_cast<std::size_t>(r) * outStride;
    if (layer.half.size() > 0)
      multiplyWith(layer.half.data(), layer, part, in, inStride, out, outStride, write, kept);
    else
      multiplyWith(layer.weight.data(), layer, part, in, inStride, out, outStride, write, kept);
  }
}

Tiling::Tiling(int rows, int features, int threads) : m_rows(rows), m_features(features) {
  m_rowStep = std::min(rows, maxRows);
  m_rowTiles = rows == 0 ? 0 : (rows + m_rowStep - 1) / m_rowStep;
  // Three tiles per thread even out what the threads find; a tile is whole panels, and whole blocks where it is large.
  const int wanted = m_rowTiles == 0 ? 1 : std::max(1, 3 * threads / m_rowTiles);
  const int step = threads == 1 ? features : (features + wanted - 1) / wanted;
  const int unit = step > 8 * panelOutputs ? 8 * panelOutputs : panelOutputs;
  m_featureStep = std::max(unit, (step + unit - 1) / unit * unit);
  m_featureTiles = (features + m_featureStep - 1) / m_featureStep;
}

Tile Tiling::operator[](int index) const {
  const int rowTile = index / m_featureTiles, featureTile = index % m_featureTiles;
  Tile tile;
  tile.firstRow = rowTile * m_rowStep;
  tile.rows = std::min(m_rowStep, m_rows - tile.firstRow);
  tile.firstFeature = featureTile * m_featureStep;
  tile.features = std::min(m_featureStep, m_features - tile.firstFeature);
  return tile;
}

}  // namespace engine::cpu
