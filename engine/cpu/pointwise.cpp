#include "engine/cpu/pointwise.h"

#include <algorithm>
#include <cmath>

#include "engine/cpu/exponential.h"
#include "engine/cpu/vector.h"

namespace engine::cpu {
namespace {

// Eight running sums, so that additions do not wait for each other.
template <class Term>
double sum(const float* values, int count, Term term) {
  double sums[8] = {};
  int i = 0;
  for (; i + 8 <= count; i += 8)
    for (int lane = 0; lane < 8; ++lane) sums[lane] += term(values[i + lane]);
  for (int lane = 0; i < count; ++i, ++lane) sums[lane] += term(values[i]);
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

}  // namespace

void normalize(const Norm& norm, const float* from, int rows, int width, float* to) {
  const float* scale = norm.scale.data();
  const float* shift = norm.shift.data();
  const bool centred = norm.shift.size() > 0;
  for (int row = 0; row < rows; ++row, from += width, to += width) {
    const double mean = centred ? sum(from, width, [](double x) { return x; }) / width : 0;
    const double squares = sum(from, width, [mean](double x) { return (x - mean) * (x - mean); });
    const auto offset = static_cast<float>(mean);
    const auto multiplier = static_cast<float>(norm.epsOutside ? 1 / (std::sqrt(squares / width) + norm.eps)
                                                               : 1 / std::sqrt(squares / width + norm.eps));
    if (centred)
      for (int i = 0; i < width; ++i) to[i] = (from[i] - offset) * multiplier * scale[i] + shift[i];
    else
      for (int i = 0; i < width; ++i) to[i] = from[i] * multiplier * scale[i];
  }
}

void normalize(Team& team, const Norm& norm, const float* from, int rows, int width, float* to) {
  const int perItem = std::max(1, 4096 / width);
  team.run((rows + perItem - 1) / perItem, [&](int item, int) {
    const int first = item * perItem;
    const std::size_t offset = static_cast<std::size_t>(first) * static_cast<std::size_t>(width);
    normalize(norm, from + offset, std::min(perItem, rows - first), width, to + offset);
  });
}

void gelu(float* values, int count) {
  constexpr float slope = 1.5957691216F;  // 2 sqrt(2/pi): 1 + tanh(z) = 2 / (1 + exp(-2 z))
  for (int i = 0; i < count; ++i) {
    const float x = values[i];
    values[i] = x / (1.0F + exponential(-slope * (x + 0.044715F * x * x * x)));
  }
}

void gate(const float* a, const float* b, int count, float* to) {
  for (int i = 0; i < count; ++i) to[i] = a[i] / (1.0F + exponential(-b[i]));
}

void activate(Activation activation, float* values, int count) {
  switch (activation) {
    case Activation::geluTanh:
      gelu(values, count);
      return;
    case Activation::geluErf:
      for (int i = 0; i < count; ++i) values[i] *= 0.5F * std::erfc(-0.70710678F * values[i]);
      return;
    case Activation::silu:
      gate(values, values, count, values);
      return;
    case Activation::sigmoid:
      for (int i = 0; i < count; ++i) values[i] = 1.0F / (1.0F + exponential(-values[i]));
      return;
    case Activation::identity:
      return;
  }
}

float largest(const float* values, int count) {
  float most = values[0];
  int i = 0;
  if (count >= lanes) {
    Vector all = load(values);
    for (i = lanes; i + lanes <= count; i += lanes) {
      const Vector next = load(values + i);
      all = next > all ? next : all;
    }
    for (int lane = 0; lane < lanes; ++lane) most = std::max(most, all[lane]);
  }
  for (; i < count; ++i) most = std::max(most, values[i]);
  return most;
}

float exponentials(const float* values, int count, float largest, float* to) {
  for (int i = 0; i < count; ++i) to[i] = exponential(values[i] - largest);
  return static_cast<float>(sum(to, count, [](double x) { return x; }));
}

}  // namespace engine::cpu
