#include "engine/cpu/matmul.h"

#include "engine/cpu/vector.h"

namespace engine::cpu {
namespace {

// Row x feature blocks of exactly `lanes` dot products, so that their sums fill one register.
constexpr int squareRows = lanes == 16 ? 4 : 2;
constexpr int squareFeatures = lanes / squareRows;

// Rows and features beyond the last repeat it; the caller does not store them. Written with constant indices: GCC keeps
// arrays in registers only where no loop is left when it looks.
template <int Rows, int Features, class Weight, int... R, int... F, int... I>
inline Vector dots(const float* const (&x)[Rows], const Weight* const (&w)[Features], int inputs,
                   std::integer_sequence<int, R...>, std::integer_sequence<int, F...>,
                   std::integer_sequence<int, I...>) {
  static_assert(Rows * Features == lanes);
  Vector sums[lanes] = {};
  int k = 0;
  for (; k + lanes <= inputs; k += lanes) {
    const Vector in[Rows] = {held(load(x[R] + k))...};
    const Vector weight[Features] = {held(load(w[F] + k))...};
    ((sums[I] += in[I / Features] * weight[I % Features]), ...);
  }
  if (k < inputs) {
    const int rest = inputs - k;
    const Vector in[Rows] = {loadPart(x[R] + k, rest)...};
    const Vector weight[Features] = {loadPart(w[F] + k, rest)...};
    ((sums[I] += in[I / Features] * weight[I % Features]), ...);
  }
  return sumEach(sums);
}

struct Rectangle {
  int feature, features;
  const float* x;
  std::size_t inStride;
  int rows;
  float* y;
  std::size_t outStride;
  Write write;
};

// rows x features outputs, the first at y.
template <int Rows, int Features, class Weight>
void block(const Weight* weights, const float* bias, int inputs, const Rectangle& to) {
  const float* in[Rows];
  const Weight* weight[Features];
  for (int r = 0; r < Rows; ++r) in[r] = to.x + static_cast<std::size_t>(std::min(r, to.rows - 1)) * to.inStride;
  const auto width = static_cast<std::size_t>(inputs);
  for (int f = 0; f < Features; ++f)
    weight[f] = weights + static_cast<std::size_t>(to.feature + std::min(f, to.features - 1)) * width;
  const Vector sums =
      dots<Rows, Features>(in, weight, inputs, std::make_integer_sequence<int, Rows>(),
                           std::make_integer_sequence<int, Features>(), std::make_integer_sequence<int, lanes>());
  if (bias) bias += to.feature;
  for (int r = 0; r < to.rows; ++r) {
    float* y = to.y + static_cast<std::size_t>(r) * to.outStride;
    for (int f = 0; f < to.features; ++f) {
      const float value = sums[r * Features + f] + (bias ? bias[f] : 0.0F);
      y[f] = to.write == Write::add ? y[f] + value : value;
    }
  }
}

template <class Weight>
void multiplyWith(const Weight* weights, const Matrix& matrix, const Tile& tile, const float* x, std::size_t inStride,
                  float* y, std::size_t outStride, Write write) {
  const int lastRow = tile.firstRow + tile.rows, lastFeature = tile.firstFeature + tile.features;
  const auto rectangle = [&](int f, int features, int r, int rows) {
    return Rectangle{f,
                     std::min(features, lastFeature - f),
                     x + static_cast<std::size_t>(r) * inStride,
                     inStride,
                     rows,
                     y + static_cast<std::size_t>(r) * outStride + f,
                     outStride,
                     write};
  };
  // A lone row is bound by the weights: many weight rows at once. Several rows share each weight that was loaded.
  const int squares = tile.rows % squareRows == 1 ? tile.rows - 1 : tile.rows;
  for (int f = tile.firstFeature; f < lastFeature && squares > 0; f += squareFeatures)
    for (int r = tile.firstRow; r < tile.firstRow + squares; r += squareRows)
      block<squareRows, squareFeatures>(
          weights, matrix.bias, matrix.inputs,
          rectangle(f, squareFeatures, r, std::min(squareRows, tile.firstRow + squares - r)));
  for (int r = tile.firstRow + squares; r < lastRow; ++r)
    for (int f = tile.firstFeature; f < lastFeature; f += lanes)
      block<1, lanes>(weights, matrix.bias, matrix.inputs, rectangle(f, lanes, r, 1));
}

}  // namespace

void multiply(const Matrix& matrix, const Tile& tile, const float* x, std::size_t inStride, float* y,
              std::size_t outStride, Write write) {
  if (matrix.weight)
    multiplyWith(matrix.weight, matrix, tile, x, inStride, y, outStride, write);
  else
    multiplyWith(matrix.half, matrix, tile, x, inStride, y, outStride, write);
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
