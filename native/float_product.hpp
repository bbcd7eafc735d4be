// Products of float rows with weights in float or bfloat16, through vectors: register blocks of
// `kFloatRows` rows by a panel of `kFloatVectors` vectors. Each result is summed over its inputs in
// their order, so it does not depend on the block that it falls into.
//
// Besides what vectors.hpp needs, define SQUEEZEBERT_FLOAT_ROWS and SQUEEZEBERT_FLOAT_VECTORS.
#pragma once

#include <algorithm>
#include <cstddef>

#include "kernels.hpp"
#include "vectors.hpp"

namespace squeezebert::SQUEEZEBERT_ISA {

constexpr int kFloatRows = SQUEEZEBERT_FLOAT_ROWS;
constexpr int kFloatVectors = SQUEEZEBERT_FLOAT_VECTORS;
constexpr int kFloatColumns = kFloatVectors * kLanes;

// One step of a product is the inputs that are interleaved in a panel: one float, or two bfloat16.
struct FloatWeights {
  static constexpr int kInterleave = 1;
  static Vector at(const std::byte* panel, int step, int, int vector) {
    return load(reinterpret_cast<const float*>(panel) + (step * kFloatVectors + vector) * kLanes);
  }
};

struct Bfloat16Weights {
  static constexpr int kInterleave = 2;
  // A bfloat16 is the upper half of a float; pairs lie with the first in the lower half.
  static Vector at(const std::byte* panel, int step, int part, int vector) {
    const Integers pairs = load_integers(panel + (step * kFloatVectors + vector) * sizeof(Integers));
    return (Vector)(part == 0 ? pairs << 16 : pairs & static_cast<std::int32_t>(0xffff0000));
  }
};

template <class Weights, int rows>
inline void multiply_block(const float* from, std::ptrdiff_t stride, const std::byte* panel,
                           int inputs, const float* biases, float* to, std::ptrdiff_t to_stride,
                           int columns) {
  Vector block[rows][kFloatVectors];
  unrolled<kFloatVectors>([&](auto v) SQUEEZEBERT_INLINE {
    const Vector bias = biases == nullptr ? Vector{} : load(biases + v * kLanes);
    unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE { block[row][v] = bias; });
  });
  const auto step = [&](int index, int part, int input) SQUEEZEBERT_INLINE {
    Vector weights[kFloatVectors];
    unrolled<kFloatVectors>(
        [&](auto v) SQUEEZEBERT_INLINE { weights[v] = Weights::at(panel, index, part, v); });
    unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE {
      const Vector x = broadcast(from[row * stride + input]);
      unrolled<kFloatVectors>(
          [&](auto v) SQUEEZEBERT_INLINE { block[row][v] += x * weights[v]; });
    });
  };
  const int whole = inputs / Weights::kInterleave;
  for (int index = 0; index < whole; ++index) {
    unrolled<Weights::kInterleave>([&](auto part) SQUEEZEBERT_INLINE {
      step(index, part, index * Weights::kInterleave + part);
    });
  }
  if (whole * Weights::kInterleave < inputs) step(whole, 0, inputs - 1);
  unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE {
    store_columns(to + row * to_stride, block[row], columns);
  });
}

template <class Weights, int rows = kFloatRows>
inline void multiply_rows(int count, const float* from, std::ptrdiff_t stride,
                          const std::byte* panel, int inputs, const float* biases, float* to,
                          std::ptrdiff_t to_stride, int columns) {
  if (count == rows) {
    multiply_block<Weights, rows>(from, stride, panel, inputs, biases, to, to_stride, columns);
  } else if constexpr (rows > 1) {
    multiply_rows<Weights, rows - 1>(count, from, stride, panel, inputs, biases, to, to_stride,
                                     columns);
  }
}

inline Operand float_rows(const float* rows, std::ptrdiff_t stride, int, int, std::byte*, float*) {
  return {reinterpret_cast<const std::byte*>(rows),
          stride * static_cast<std::ptrdiff_t>(sizeof(float)), nullptr};
}

template <class Weights>
void multiply_floats(const Operand& operand, int count, const Panels& panels, float* result,
                     std::ptrdiff_t stride) {
  const auto* rows = reinterpret_cast<const float*>(operand.rows);
  const std::ptrdiff_t row_stride = operand.stride / static_cast<std::ptrdiff_t>(sizeof(float));
  const int steps = (panels.inputs + Weights::kInterleave - 1) / Weights::kInterleave;
  const std::byte* panel = panels.values;
  for (int column = 0; column < panels.outputs; column += kFloatColumns) {
    const float* biases = panels.biases == nullptr ? nullptr : panels.biases + column;
    const int columns = std::min(kFloatColumns, panels.outputs - column);
    for (int row = 0; row < count; row += kFloatRows) {
      multiply_rows<Weights>(std::min(kFloatRows, count - row), rows + row * row_stride, row_stride,
                             panel, panels.inputs, biases, result + row * stride + column, stride,
                             columns);
    }
    panel += static_cast<std::size_t>(steps) * kFloatColumns * 4;  // a float, or two bfloat16
  }
}

template <class Weights>
constexpr Product float_product() {
  return {kFloatRows,
          kFloatColumns,
          [](int inputs) { return round_up(inputs, Weights::kInterleave); },
          [](int) -> std::size_t { return 0; },
          nullptr,
          float_rows,
          multiply_floats<Weights>};
}

}  // namespace squeezebert::SQUEEZEBERT_ISA
