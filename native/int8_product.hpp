// Products of integer rows with int8 weights. Activations are quantised here, each row of a group
// by its own scale (dynamic quantisation); sums are exact integers, so no result depends on the
// block that it falls into.
//
// `Dot`, which each instruction set defines, is the block in registers:
//   kRows, kVectors   rows by vectors of int32 sums that it holds
//   kDepth            inputs are padded to a multiple of it
//   kZero             the byte of a quantised activation that is zero
//   run<rows>(...)    sums one block
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "kernels.hpp"
#include "vectors.hpp"

namespace squeezebert::SQUEEZEBERT_ISA {

constexpr float kLargestActivation = 127;
constexpr int kCacheLine = 64;

// Largest magnitude in a row.
inline float peak(const float* row, int width) {
  Vector most{};
  int i = 0;
  for (; i + kLanes <= width; i += kLanes) most = max(most, magnitude(load(row + i)));
  if (i < width) most = max(most, magnitude(load_first(row + i, width - i, 0.0f)));
  return largest(most);
}

// Whole numbers nearest to row * factor, counted from `zero`. Compilers narrow best what they have
// made vectors of themselves.
inline void quantise(const float* __restrict row, float factor, int zero, int width,
                     std::uint8_t* __restrict to) {
  for (int i = 0; i < width; ++i) {
    const auto bits = std::bit_cast<std::int32_t>(row[i] * factor + kRounder);
    to[i] = static_cast<std::uint8_t>(bits - kRounderBits + zero);
  }
}

// Rows are padded with zeros to `padded(K)` bytes.
template <int (*padded)(int inputs), int zero>
Operand quantise_rows(const float* rows, std::ptrdiff_t stride, int count, int inputs,
                      std::byte* room, float* scales) {
  const std::ptrdiff_t row_bytes = padded(inputs);
  for (int row = 0; row < count; ++row) {
    const float* from = rows + row * stride;
    auto* to = reinterpret_cast<std::uint8_t*>(room + row * row_bytes);
    const float most = peak(from, inputs);
    scales[row] = most / kLargestActivation;
    // Below the smallest normal number 1 / scale would overflow; such a row counts as zeros.
    const float factor = most > 1e-30f ? kLargestActivation / most : 0.0f;
    quantise(from, factor, zero, inputs, to);
    std::fill(to + inputs, to + row_bytes, static_cast<std::uint8_t>(zero));
  }
  return {room, row_bytes, scales};
}

// Writes sums as floats. `scales` and `biases` are those of the first column.
template <int vectors>
SQUEEZEBERT_INLINE inline void store_scaled(const Integers (&sums)[vectors], float row_scale,
                                            const float* scales, const float* biases, int columns,
                                            float* to) {
  Vector scaled[vectors];
  unrolled<vectors>([&](auto v) SQUEEZEBERT_INLINE {
    scaled[v] = __builtin_convertvector(sums[v], Vector) * (load(scales + v * kLanes) * row_scale) +
                load(biases + v * kLanes);
  });
  store_columns(to, scaled, columns);
}

template <class Dot>
int padded_inputs(int inputs) {
  return round_up(inputs, Dot::kDepth);
}

template <class Dot, int rows>
inline void integer_block(const Operand& operand, int row, const std::byte* panel,
                          const Panels& panels, int column, float* result, std::ptrdiff_t stride) {
  // Read before anything is written, which might be these for all that the compiler knows.
  const float* row_scales = operand.scales + row;
  const float* scales = panels.scales + column;
  const float* biases = panels.biases + column;
  const int columns = panels.outputs - column;
  float* to = result + row * stride + column;
  Integers sums[rows][Dot::kVectors];
  Dot::template run<rows>(operand.rows + row * operand.stride, operand.stride, panel,
                          padded_inputs<Dot>(panels.inputs), panels.zero_sums + column, sums);
  unrolled<rows>([&](auto r) SQUEEZEBERT_INLINE {
    store_scaled(sums[r], row_scales[r], scales, biases, columns, to + r * stride);
  });
}

template <class Dot, int rows = Dot::kRows>
inline void integer_rows(int count, const Operand& operand, int row, const std::byte* panel,
                         const Panels& panels, int column, float* result, std::ptrdiff_t stride) {
  if (count == rows) {
    integer_block<Dot, rows>(operand, row, panel, panels, column, result, stride);
  } else if constexpr (rows > 1) {
    integer_rows<Dot, rows - 1>(count, operand, row, panel, panels, column, result, stride);
  }
}

template <class Dot>
void multiply_integers(const Operand& operand, int count, const Panels& panels, float* result,
                       std::ptrdiff_t stride) {
  constexpr int kColumns = Dot::kVectors * kLanes;
  const std::ptrdiff_t panel_bytes = std::ptrdiff_t{padded_inputs<Dot>(panels.inputs)} * kColumns;
  const std::byte* panel = panels.values;
  for (int column = 0; column < panels.outputs; column += kColumns) {
    const std::byte* ahead = panel + panel_bytes;
    for (int row = 0; row < count; row += Dot::kRows) {
      const int rows = std::min(Dot::kRows, count - row);
      // While this panel is multiplied the next comes from afar, a part with each block.
      const std::byte* end = panel + panel_bytes + panel_bytes * (row + rows) / count;
      for (; ahead < end; ahead += kCacheLine) __builtin_prefetch(ahead);
      integer_rows<Dot>(rows, operand, row, panel, panels, column, result, stride);
    }
    panel += panel_bytes;
  }
}

template <class Dot>
constexpr Product integer_product(decltype(Product::weights_factor) weights_factor = nullptr) {
  return {Dot::kRows,
          Dot::kVectors * kLanes,
          padded_inputs<Dot>,
          [](int inputs) -> std::size_t { return padded_inputs<Dot>(inputs); },
          weights_factor,
          quantise_rows<padded_inputs<Dot>, Dot::kZero>,
          multiply_integers<Dot>};
}

}  // namespace squeezebert::SQUEEZEBERT_ISA
