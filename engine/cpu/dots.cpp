#include "engine/cpu/dots.h"

#include <algorithm>
#include <utility>

#include "engine/cpu/vector.h"

namespace engine::cpu {
namespace {

// Row x feature blocks of exactly `lanes` dot products, so that their sums fill one register.
constexpr int squareRows = lanes == 16 ? 4 : 2;
constexpr int squareFeatures = lanes / squareRows;

// Rows and features beyond the last repeat it; the caller does not store them. Written with constant indices: GCC keeps
// arrays in registers only where no loop is left when it looks.
template <int Rows, int Features, int... R, int... F, int... I>
inline Vector sums(const float* const (&x)[Rows], const float* const (&w)[Features], int inputs,
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

// rows x features of them, at most Rows x Features.
template <int Rows, int Features>
void block(const float* w, int features, int inputs, const float* x, std::size_t xStride, int rows, float* y,
           std::size_t yStride) {
  const float* in[Rows];
  const float* weight[Features];
  for (int r = 0; r < Rows; ++r) in[r] = x + static_cast<std::size_t>(std::min(r, rows - 1)) * xStride;
  for (int f = 0; f < Features; ++f)
    weight[f] = w + static_cast<std::size_t>(std::min(f, features - 1)) * static_cast<std::size_t>(inputs);
  const Vector results =
      sums<Rows, Features>(in, weight, inputs, std::make_integer_sequence<int, Rows>(),
                           std::make_integer_sequence<int, Features>(), std::make_integer_sequence<int, lanes>());
  for (int r = 0; r < rows; ++r)
    for (int f = 0; f < features; ++f) y[static_cast<std::size_t>(r) * yStride + f] = results[r * Features + f];
}

}  // namespace

void dots(const float* w, int features, int inputs, const float* x, std::size_t xStride, int rows, float* y,
          std::size_t yStride) {
  const auto weight = [&](int f) { return w + static_cast<std::size_t>(f) * static_cast<std::size_t>(inputs); };
  const auto in = [&](int r) { return x + static_cast<std::size_t>(r) * xStride; };
  const auto out = [&](int r, int f) { return y + static_cast<std::size_t>(r) * yStride + f; };
  // A lone row is bound by the weights: many of them at once. Several rows share each weight that was loaded.
  const int squares = rows % squareRows == 1 ? rows - 1 : rows;
  for (int f = 0; f < features && squares > 0; f += squareFeatures)
    for (int r = 0; r < squares; r += squareRows)
      block<squareRows, squareFeatures>(weight(f), std::min(squareFeatures, features - f), inputs, in(r), xStride,
                                        std::min(squareRows, squares - r), out(r, f), yStride);
  for (int r = squares; r < rows; ++r)
    for (int f = 0; f < features; f += lanes)
      block<1, lanes>(weight(f), std::min(lanes, features - f), inputs, in(r), xStride, 1, out(r, f), yStride);
}

}  // namespace engine::cpu
