// Products of integer rows with int8 weights. Activations are quantised here, each row of a group
// by its own scale (dynamic quantisation); sums are exact integers, so no result depends on the
// block that it falls into.
//
// `Dot`, which each instruction set defines, is the block in registers:
//   kRows, kVectors   rows by vectors of int32 sums that it holds
//   kDepth            inputs are padded to a multiple of it
//   kInterleave       inputs of a column that lie side by side in a panel
//   limit(K)          largest magnitude of a quantised activation
//   row_bytes(K)      bytes of a quantised row
//   write_row(...)    writes a quantised row in the form that it reads
//   unpack(...)       a panel in the form that it reads
//   run<rows>(...)    sums one block
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels.hpp"
#include "vectors.hpp"

namespace squeezebert::SQUEEZEBERT_ISA {

// Largest magnitude in a row.
inline float peak(const float* row, int width) {
  Vector most{};
  int i = 0;
  for (; i + kLanes <= width; i += kLanes) most = max(most, magnitude(load(row + i)));
  if (i < width) most = max(most, magnitude(load_first(row + i, width - i, 0.0f)));
  return largest(most);
}

// Whole numbers nearest to row * factor.
template <class Integer>
inline void quantise(const float* row, float factor, int width, Integer* to) {
  int i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    typedef Integer Narrow __attribute__((vector_size(kLanes * sizeof(Integer))));
    const Narrow narrow = __builtin_convertvector(round(load(row + i) * factor), Narrow);
    std::memcpy(to + i, &narrow, sizeof narrow);
  }
  for (; i < width; ++i) {
    std::int32_t bits;
    const float shifted = row[i] * factor + kRounder;
    std::memcpy(&bits, &shifted, sizeof bits);
    to[i] = static_cast<Integer>(bits - kRounderBits);
  }
}

template <class Dot>
Operand quantise_rows(const float* rows, std::ptrdiff_t stride, int count, int inputs,
                      std::byte* room, float* scales) {
  const auto row_bytes = static_cast<std::ptrdiff_t>(Dot::row_bytes(inputs));
  const auto limit = static_cast<float>(Dot::limit(inputs));
  for (int row = 0; row < count; ++row) {
    const float* from = rows + row * stride;
    const float most = peak(from, inputs);
    scales[row] = most / limit;
    // Below the smallest normal number 1 / scale would overflow; such a row counts as zeros.
    const float factor = most > 1e-30f ? limit / most : 0.0f;
    Dot::write_row(from, factor, inputs, room + row * row_bytes);
  }
  return {room, row_bytes, scales};
}

template <int vectors>
inline void store_scaled(const Integers (&sums)[vectors], float row_scale, const Panels& panels,
                         int column, float* to) {
  const int columns = std::min(vectors * kLanes, panels.outputs - column);
  if (columns == vectors * kLanes) {
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      const int at = column + v * kLanes;
      const Vector sum = __builtin_convertvector(sums[v], Vector);
      store(to + v * kLanes,
            sum * (load(panels.scales + at) * row_scale) + load(panels.biases + at));
    }
    return;
  }
  for (int v = 0; v * kLanes < columns; ++v) {
    const int at = column + v * kLanes;
    const Vector sum = __builtin_convertvector(sums[v], Vector);
    store_first(to + v * kLanes,
                sum * (load(panels.scales + at) * row_scale) + load(panels.biases + at),
                std::min(kLanes, columns - v * kLanes));
  }
}

template <class Dot, int rows>
inline void integer_block(const Operand& operand, int row, const std::byte* panel,
                          const Panels& panels, int column, float* result, std::ptrdiff_t stride) {
  Integers sums[rows][Dot::kVectors];
  Dot::template run<rows>(operand.rows + row * operand.stride, operand.stride, panel,
                          round_up(panels.inputs, Dot::kDepth), panels.zero_sums + column, sums);
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    store_scaled<Dot::kVectors>(sums[r], operand.scales[row + r], panels, column,
                                result + (row + r) * stride + column);
  }
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
  const int inputs = round_up(panels.inputs, Dot::kDepth);
  const std::byte* packed = panels.values;
  for (int column = 0; column < panels.outputs; column += kColumns) {
    const std::byte* panel = Dot::unpack(packed, inputs);
    for (int row = 0; row < count; row += Dot::kRows) {
      integer_rows<Dot>(std::min(Dot::kRows, count - row), operand, row, panel, panels, column,
                        result, stride);
    }
    packed += static_cast<std::size_t>(inputs) * kColumns;
  }
}

template <class Dot>
constexpr Product integer_product() {
  return {Dot::kRows,
          Dot::kVectors * kLanes,
          Dot::kInterleave,
          [](int inputs) { return round_up(inputs, Dot::kDepth); },
          Dot::row_bytes,
          quantise_rows<Dot>,
          multiply_integers<Dot>};
}

}  // namespace squeezebert::SQUEEZEBERT_ISA
