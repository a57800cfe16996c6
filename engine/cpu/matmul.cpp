#include "engine/cpu/matmul.h"

#include "engine/cpu/vector.h"

namespace engine::cpu {
namespace {

// Row x feature blocks of exactly `lanes` dot products, so that their sums fill one register.
constexpr int squareRows = lanes == 16 ? 4 : 2;
constexpr int squareFeatures = lanes / squareRows;

// Rows and features beyond the last repeat it; the caller does not store them.
template <int Rows, int Features>
Vector dots(const float* const (&x)[Rows], const float* const (&w)[Features], int inputs) {
  static_assert(Rows * Features == lanes);
  Vector sums[lanes] = {};
  int k = 0;
  for (; k + lanes <= inputs; k += lanes) {
    Vector in[Rows];
    for (int r = 0; r < Rows; ++r) in[r] = load(x[r] + k);
    for (int f = 0; f < Features; ++f) {
      const Vector weight = load(w[f] + k);
      for (int r = 0; r < Rows; ++r) sums[r * Features + f] += in[r] * weight;
    }
  }
  if (k < inputs) {
    const int rest = inputs - k;
    Vector in[Rows];
    for (int r = 0; r < Rows; ++r) in[r] = loadPart(x[r] + k, rest);
    for (int f = 0; f < Features; ++f) {
      const Vector weight = loadPart(w[f] + k, rest);
      for (int r = 0; r < Rows; ++r) sums[r * Features + f] += in[r] * weight;
    }
  }
  return sumEach(sums);
}

// `rows` x `features` of the block's outputs, the first at y.
template <int Rows, int Features>
void block(const Matrix& matrix, int feature, int features, const float* x, std::size_t inStride, int rows, float* y,
           std::size_t outStride, Write write) {
  const float* in[Rows];
  const float* weight[Features];
  for (int r = 0; r < Rows; ++r) in[r] = x + static_cast<std::size_t>(std::min(r, rows - 1)) * inStride;
  const std::size_t width = static_cast<std::size_t>(matrix.inputs);
  for (int f = 0; f < Features; ++f)
    weight[f] = matrix.weight + static_cast<std::size_t>(feature + std::min(f, features - 1)) * width;
  const Vector sums = dots<Rows, Features>(in, weight, matrix.inputs);
  const float* bias = matrix.bias ? matrix.bias + feature : nullptr;
  for (int r = 0; r < rows; ++r) {
    float* to = y + static_cast<std::size_t>(r) * outStride;
    for (int f = 0; f < features; ++f) {
      const float value = sums[r * Features + f] + (bias ? bias[f] : 0.0F);
      to[f] = write == Write::add ? to[f] + value : value;
    }
  }
}

}  // namespace

void multiply(const Matrix& matrix, const Tile& tile, const float* x, std::size_t inStride, float* y,
              std::size_t outStride, Write write) {
  const int lastRow = tile.firstRow + tile.rows, lastFeature = tile.firstFeature + tile.features;
  const auto rowOf = [&](int r) { return x + static_cast<std::size_t>(r) * inStride; };
  const auto out = [&](int r, int f) { return y + static_cast<std::size_t>(r) * outStride + f; };
  // A lone row is bound by the weights: many weight rows at once. Several rows share each weight that was loaded.
  const int squares = tile.rows % squareRows == 1 ? tile.rows - 1 : tile.rows;
  for (int f = tile.firstFeature; f < lastFeature && squares > 0; f += squareFeatures)
    for (int r = tile.firstRow; r < tile.firstRow + squares; r += squareRows)
      block<squareRows, squareFeatures>(matrix, f, std::min(squareFeatures, lastFeature - f), rowOf(r), inStride,
                                        std::min(squareRows, tile.firstRow + squares - r), out(r, f), outStride, write);
  for (int r = tile.firstRow + squares; r < lastRow; ++r)
    for (int f = tile.firstFeature; f < lastFeature; f += lanes)
      block<1, lanes>(matrix, f, std::min(lanes, lastFeature - f), rowOf(r), inStride, 1, out(r, f), outStride, write);
}

Tiling::Tiling(int rows, int features, int threads) : m_rows(rows), m_features(features) {
  // 32 rows of a few thousand floats stay in the second-level cache while the weights pass by.
  m_rowStep = std::min(rows, 32);
  m_rowTiles = rows == 0 ? 0 : (rows + m_rowStep - 1) / m_rowStep;
  // Three tiles per thread even out what the threads find; a tile is whole registers of features.
  const int wanted = m_rowTiles == 0 ? 1 : std::max(1, 3 * threads / m_rowTiles);
  const int step = threads == 1 ? features : (features + wanted - 1) / wanted;
  m_featureStep = std::max(lanes, (step + lanes - 1) / lanes * lanes);
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
