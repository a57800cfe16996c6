// What is done to rows of numbers between the matrix products: norms and activations. Rows lie contiguously,
// [rows, width].
#pragma once

#include <cstddef>

#include "engine/cpu/team.h"
#include "engine/weights.h"

namespace engine::cpu {

// LayerNorm or RMS norm of each row (see Norm). Sums in double: O(rows * width). `to` may be `from`.
void normalize(const Norm&, const float* from, int rows, int width, float* to);
// The same on all threads.
void normalize(Team&, const Norm&, const float* from, int rows, int width, float* to);

// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), in place. Relative error
// below 4e-7 where the value matters, growing with the exponent in the far negative tail.
void gelu(float* values, int count);

// to[i] = a[i] / (1 + exp(-b[i])).
void gate(const float* a, const float* b, int count, float* to);

// f in place; geluErf is x/2 (1 + erf(x / sqrt 2)).
void activate(Activation, float* values, int count);

// Of at least one value.
float largest(const float* values, int count);

// to[i] = exp(values[i] - largest), for values <= largest; returns the sum.
float exponentials(const float* values, int count, float largest, float* to);

}  // namespace engine::cpu
