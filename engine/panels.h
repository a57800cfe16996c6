// How the matrices of linear layers lie in memory: in panels of 16 outputs, [panels, inputs, 16], as products read them
// (cpu/matmul.h). Outputs beyond the last are zero.
#pragma once

#include <algorithm>
#include <type_traits>
#include <vector>

#include "engine/bfloat16.h"
#include "engine/buffer.h"

namespace engine {

inline constexpr int panelOutputs = 16;

// Where element (output, input) of a matrix with so many inputs lies.
inline std::size_t panelPlace(int output, int input, int inputs) {
  return (static_cast<std::size_t>(output / panelOutputs) * static_cast<std::size_t>(inputs) +
          static_cast<std::size_t>(input)) *
             panelOutputs +
         static_cast<std::size_t>(output % panelOutputs);
}

// The matrix whose row of one output after another `write(output, float* row)` writes, in float or rounded to bfloat16.
template <class T, class Write>
Buffer<T> panels(int outputs, int inputs, Meter& meter, Write&& write) {
  const int count = (outputs + panelOutputs - 1) / panelOutputs;
  Buffer<T> matrix(panelPlace(count * panelOutputs, 0, inputs), meter);
  const auto width = static_cast<std::size_t>(inputs);
  std::vector<float> rows(panelOutputs * width);
  for (int panel = 0; panel < count; ++panel) {
    std::fill(rows.begin(), rows.end(), 0.0F);
    for (int i = 0; i < std::min(panelOutputs, outputs - panel * panelOutputs); ++i)
      write(panel * panelOutputs + i, rows.data() + static_cast<std::size_t>(i) * width);
    T* to = matrix.data() + panelPlace(panel * panelOutputs, 0, inputs);
    for (std::size_t k = 0; k < width; ++k)
      for (std::size_t i = 0; i < panelOutputs; ++i) {
        const float value = rows[i * width + k];
        if constexpr (std::is_same_v<T, float>)
          *to++ = value;
        else
          *to++ = toBfloat16(value);
      }
  }
  return matrix;
}

// One row of such a matrix, widened.
template <class T>
void panelRow(const Buffer<T>& matrix, int output, int inputs, float* row) {
  const T* from = matrix.data() + panelPlace(output, 0, inputs);
  for (int k = 0; k < inputs; ++k, from += panelOutputs) {
    if constexpr (std::is_same_v<T, float>)
      row[k] = *from;
    else
      row[k] = toFloat(*from);
  }
}

}  // namespace engine
