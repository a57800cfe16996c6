// One register of floats, as wide as the processor the program was built for.
#pragma once

#include <cstddef>
#include <cstring>
#include <utility>

namespace engine::cpu {

#if defined(__AVX512F__)
inline constexpr int lanes = 16;
#elif defined(__AVX__)
inline constexpr int lanes = 8;
#else
inline constexpr int lanes = 4;
#endif

typedef float Vector __attribute__((vector_size(lanes * sizeof(float))));
typedef int IntVector __attribute__((vector_size(lanes * sizeof(float))));

inline Vector load(const float* from) {
  Vector v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
// The first `count` < lanes values, then zeros.
inline Vector loadPart(const float* from, int count) {
  Vector v{};
  std::memcpy(&v, from, static_cast<std::size_t>(count) * sizeof(float));
  return v;
}
typedef unsigned short HalfVector __attribute__((vector_size(lanes * sizeof(unsigned short))));
// The same of bfloat16 values: the upper halves of floats.
inline Vector load(const unsigned short* from) {
  HalfVector half;
  std::memcpy(&half, from, sizeof half);
  const IntVector wide = __builtin_convertvector(half, IntVector) << 16;
  Vector v;
  std::memcpy(&v, &wide, sizeof v);
  return v;
}
inline Vector loadPart(const unsigned short* from, int count) {
  unsigned short values[lanes] = {};
  std::memcpy(values, from, static_cast<std::size_t>(count) * sizeof(unsigned short));
  return load(values);
}
// The value in every lane. (x - 0, unlike x + 0, is x for -0 too: no operation is left of it.)
inline Vector everywhere(float value) {
  return value - Vector{};
}
inline void store(float* to, Vector v) {
  std::memcpy(to, &v, sizeof v);
}

namespace detail {

// Both vectors hold groups of Width partial sums; the result holds twice as many groups of Width/2, those of a first.
template <int Width, std::size_t... Lane>
Vector fold(Vector a, Vector b, std::index_sequence<Lane...>) {
  constexpr int half = Width / 2;
  const Vector low = __builtin_shufflevector(a, b, (Lane / half * Width + Lane % half)...);
  const Vector high = __builtin_shufflevector(a, b, (Lane / half * Width + Lane % half + half)...);
  return low + high;
}

template <int Count, std::size_t... Pair>
Vector sumEach(const Vector (&v)[Count], std::index_sequence<Pair...>) {
  const Vector folded[Count / 2] = {fold<Count>(v[2 * Pair], v[2 * Pair + 1], std::make_index_sequence<lanes>())...};
  if constexpr (Count == 2)
    return folded[0];
  else
    return sumEach(folded, std::make_index_sequence<Count / 4>());
}

}  // namespace detail

// Lane j of the result is the sum over all lanes of v[j]. The order of additions is the same in each lane, so a dot
// product has the same bits wherever it sits in a tile.
inline Vector sumEach(const Vector (&v)[lanes]) {
  return detail::sumEach(v, std::make_index_sequence<lanes / 2>());
}

// work(0), work(1) ... work(Count - 1), each with a constant: GCC keeps arrays in registers only where no loop is left
// when it looks.
template <int Count, class Work>
[[gnu::always_inline]] inline void unrolled(Work&& work) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (work(std::integral_constant<int, I>()), ...);
  }
  (std::make_integer_sequence<int, Count>());
}

// The value, held in a register: GCC otherwise reads it from memory again wherever it is used.
inline Vector held(Vector v) {
#if defined(__x86_64__)
  asm("" : "+v"(v));
#endif
  return v;
}

}  // namespace engine::cpu
