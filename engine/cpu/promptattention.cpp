#include "engine/cpu/promptattention.h"

#include <algorithm>
#include <limits>

#include "engine/cpu/exponential.h"

namespace engine::cpu {
namespace {

constexpr int together = promptQueries;
constexpr int widestHead = 256;
// Rows that with two registers beside them fill the registers, and rows of sums that hide the latency of additions.
constexpr int keyRows = lanes == 16 ? 14 : 6, queryRows = lanes == 16 ? 8 : 4;
constexpr int chunk = 64;    // terms of a softmax that are summed in float before they join the sum
constexpr int keyChunk = 96;  // values that stay in the first level of cache while all queries take them

// scores[s][j] = key_s . query_j for Rows keys, channels in turn.
template <int Rows>
void scoreRows(const float* keys, int width, const float* queries, float* scores) {
  Vector total[2 * Rows] = {};
  for (int k = 0; k < width; ++k, queries += together, ++keys) {
    const Vector first = held(load(queries)), second = held(load(queries + lanes));
    unrolled<Rows>([&](auto r) __attribute__((always_inline)) {
      const Vector key = everywhere(keys[r * width]);
      total[2 * r] += key * first;
      total[2 * r + 1] += key * second;
    });
  }
  unrolled<2 * Rows>([&](auto i) __attribute__((always_inline)) { store(scores + i * lanes, total[i]); });
}

// to[row][c] += sum over `count` keys of weights[s][row] v_s[c] for queryRows rows and 2 * lanes channels, keys in turn.
void weighRows(const float* values, int width, int count, const float* weights, float* to) {
  Vector total[2 * queryRows];
  const auto place = [&](int i) { return to + i / 2 * width + i % 2 * lanes; };
  unrolled<2 * queryRows>([&](auto i) __attribute__((always_inline)) { total[i] = load(place(i)); });
  for (int s = 0; s < count; ++s, values += width, weights += together) {
    const Vector first = held(load(values)), second = held(load(values + lanes));
    unrolled<queryRows>([&](auto r) __attribute__((always_inline)) {
      const Vector weight = everywhere(weights[r]);
      total[2 * r] += weight * first;
      total[2 * r + 1] += weight * second;
    });
  }
  unrolled<2 * queryRows>([&](auto i) __attribute__((always_inline)) { store(place(i), total[i]); });
}

// Keys from the first query's own on are hidden from the queries before them.
void hide(float* scores, int position, int seen, float hidden) {
  for (int s = position + 1; s < seen; ++s) std::fill_n(scores + s * together, std::min(s - position, together), hidden);
}

// Scores into weights that are still to be divided by their sums.
void soften(float* scores, int position, int seen, float* sums) {
  hide(scores, position, seen, std::numeric_limits<float>::lowest());
  alignas(64) float most[together];
  std::copy_n(scores, together, most);
  for (int s = 1; s < seen; ++s)
    for (int j = 0; j < together; ++j) most[j] = most[j] < scores[s * together + j] ? scores[s * together + j] : most[j];
  for (int s = 0; s < seen; ++s)
    for (int j = 0; j < together; ++j) scores[s * together + j] = exponential(scores[s * together + j] - most[j]);
  hide(scores, position, seen, 0);
  double total[together] = {};
  for (int first = 0; first < seen; first += chunk) {
    float part[together] = {};
    for (int s = first; s < std::min(first + chunk, seen); ++s)
      for (int j = 0; j < together; ++j) part[j] += scores[s * together + j];
    for (int j = 0; j < together; ++j) total[j] += static_cast<double>(part[j]);
  }
  for (int j = 0; j < together; ++j) sums[j] = static_cast<float>(total[j]);
}

}  // namespace

bool promptAttentionFits(int headWidth) {
  return headWidth % (2 * lanes) == 0 && headWidth <= widestHead;
}

void PromptAttention::attend(const float* query, std::size_t queryStride, float* scores, float* to,
                             std::size_t toStride) const {
  const int seen = position + queries;
  alignas(64) float side[widestHead * together];
  for (int j = 0; j < together; ++j) {
    const float* from = query + static_cast<std::size_t>(std::min(j, queries - 1)) * queryStride;
    for (int k = 0; k < headWidth; ++k) side[k * together + j] = scale * from[k];
  }
  int s = 0;
  const auto row = [&](int rows) { return keys + static_cast<std::ptrdiff_t>(rows) * headWidth; };
  for (; s + keyRows <= seen; s += keyRows) scoreRows<keyRows>(row(s), headWidth, side, scores + s * together);
  for (; s + 2 <= seen; s += 2) scoreRows<2>(row(s), headWidth, side, scores + s * together);
  if (s < seen) scoreRows<1>(row(s), headWidth, side, scores + s * together);
  alignas(64) float sums[together];
  soften(scores, position, seen, sums);
  alignas(64) float mixed[widestHead * together] = {};
  for (int first = 0; first < seen; first += keyChunk) {
    const int count = std::min(keyChunk, seen - first);
    for (int j = 0; j < queries; j += queryRows)
      for (int c = 0; c < headWidth; c += 2 * lanes)
        weighRows(values + static_cast<std::ptrdiff_t>(first) * headWidth + c, headWidth, count, scores + first * together + j,
                  mixed + j * headWidth + c);
  }
  for (int j = 0; j < queries; ++j)
    for (int c = 0; c < headWidth; ++c)
      to[static_cast<std::size_t>(j) * toStride + static_cast<std::size_t>(c)] = mixed[j * headWidth + c] / sums[j];
}

}  // namespace engine::cpu
