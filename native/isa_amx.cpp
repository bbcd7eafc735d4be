// x86-64 with AMX: products of tiles of 16 rows, in int8 and bfloat16; the rest is AVX-512.
#define SQUEEZEBERT_ISA amx
#define SQUEEZEBERT_VECTOR 64
#define SQUEEZEBERT_FLOAT_ROWS 12
#define SQUEEZEBERT_FLOAT_VECTORS 2

#include <immintrin.h>

#include "bfloat16.hpp"
#include "int8_product.hpp"
#include "vector_kernels.hpp"

namespace squeezebert {
namespace amx {

constexpr int kTileRows = 16;
constexpr int kTileColumns = 16;
constexpr int kTileBytes = 64;
constexpr int kBlock = 2 * kTileRows;  // rows and columns of the four tiles of sums
static_assert(kBlock <= kRowPadding);

// As the instruction LDTILECFG reads it.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

// A row's bytes are cut into equal parts, each a tile deep and a multiple of 4, with as little
// padding as that needs.
constexpr int parts_of(int row_bytes) { return (row_bytes + kTileBytes - 1) / kTileBytes; }
constexpr int tile_depth(int row_bytes) {
  return round_up((row_bytes + parts_of(row_bytes) - 1) / parts_of(row_bytes), 4);
}
constexpr int padded_bytes(int row_bytes) { return parts_of(row_bytes) * tile_depth(row_bytes); }

// Tiles 0 to 3 hold sums, 4 and 5 rows, 6 and 7 weights.
void configure(int depth) {
  TileShapes shapes;
  for (int tile = 0; tile < 4; ++tile) {
    shapes.rows[tile] = kTileRows;
    shapes.row_bytes[tile] = kTileColumns * 4;
  }
  for (int tile = 4; tile < 6; ++tile) {
    shapes.rows[tile] = kTileRows;
    shapes.row_bytes[tile] = static_cast<std::uint16_t>(depth);
  }
  for (int tile = 6; tile < 8; ++tile) {
    shapes.rows[tile] = static_cast<std::uint8_t>(depth / 4);
    shapes.row_bytes[tile] = kTileColumns * 4;
  }
  _tile_loadconfig(&shapes);
}

struct Int8Tiles {
  using Sum = std::int32_t;
  static constexpr int kValueBytes = 1;
  static void multiply_0() { _tile_dpbssd(0, 4, 6); }
  static void multiply_1() { _tile_dpbssd(1, 4, 7); }
  static void multiply_2() { _tile_dpbssd(2, 5, 6); }
  static void multiply_3() { _tile_dpbssd(3, 5, 7); }
};

struct Bfloat16Tiles {
  using Sum = float;
  static constexpr int kValueBytes = 2;
  static void multiply_0() { _tile_dpbf16ps(0, 4, 6); }
  static void multiply_1() { _tile_dpbf16ps(1, 4, 7); }
  static void multiply_2() { _tile_dpbf16ps(2, 5, 6); }
  static void multiply_3() { _tile_dpbf16ps(3, 5, 7); }
};

// Sums of 32 rows by the 32 columns of a panel. Rows beyond the last are computed from whatever
// the room holds and never read; with at most 16 rows the lower tiles are left out.
template <class Tiles>
void sum_block(const std::byte* rows, std::ptrdiff_t stride, const std::byte* panel, int row_bytes,
               int depth, bool lower, typename Tiles::Sum (&sums)[kBlock][kBlock]) {
  constexpr std::ptrdiff_t kPanelStride = kBlock * 4;
  constexpr std::ptrdiff_t kSumStride = kBlock * sizeof(typename Tiles::Sum);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int at = 0; at < row_bytes; at += depth) {
    const std::byte* weights = panel + at / 4 * kPanelStride;
    _tile_loadd(4, rows + at, stride);
    _tile_loadd(6, weights, kPanelStride);
    _tile_loadd(7, weights + kTileColumns * 4, kPanelStride);
    Tiles::multiply_0();
    Tiles::multiply_1();
    if (lower) {
      _tile_loadd(5, rows + kTileRows * stride + at, stride);
      Tiles::multiply_2();
      Tiles::multiply_3();
    }
  }
  _tile_stored(0, &sums[0][0], kSumStride);
  _tile_stored(1, &sums[0][kTileColumns], kSumStride);
  if (lower) {
    _tile_stored(2, &sums[kTileRows][0], kSumStride);
    _tile_stored(3, &sums[kTileRows][kTileColumns], kSumStride);
  }
}

inline void store_row(const std::int32_t* sums, const Operand& operand, int row,
                      const Panels& panels, int column, float* to) {
  const Integers vectors[] = {load_integers(sums), load_integers(sums + kLanes)};
  store_scaled(vectors, operand.scales[row], panels.scales + column, panels.biases + column,
               panels.outputs - column, to);
}

inline void store_row(const float* sums, const Operand&, int, const Panels& panels, int column,
                      float* to) {
  Vector vectors[2];
  for (int v = 0; v < 2; ++v) {
    vectors[v] = load(sums + v * kLanes);
    if (panels.biases != nullptr) vectors[v] += load(panels.biases + column + v * kLanes);
  }
  store_columns(to, vectors, panels.outputs - column);
}

template <class Tiles>
void multiply_tiles(const Operand& operand, int count, const Panels& panels, float* result,
                    std::ptrdiff_t stride) {
  const int depth = tile_depth(panels.inputs * Tiles::kValueBytes);
  const int row_bytes = padded_bytes(panels.inputs * Tiles::kValueBytes);
  configure(depth);
  alignas(64) typename Tiles::Sum sums[kBlock][kBlock];
  const std::byte* panel = panels.values;
  for (int column = 0; column < panels.outputs; column += kBlock) {
    for (int first = 0; first < count; first += kBlock) {
      const int rows = std::min(kBlock, count - first);
      sum_block<Tiles>(operand.rows + first * operand.stride, operand.stride, panel, row_bytes,
                       depth, rows > kTileRows, sums);
      for (int row = 0; row < rows; ++row) {
        store_row(sums[row], operand, first + row, panels, column,
                  result + (first + row) * stride + column);
      }
    }
    panel += static_cast<std::size_t>(row_bytes) * kBlock;
  }
  _tile_release();
}

template <class Tiles>
std::size_t operand_bytes(int inputs) {
  return padded_bytes(inputs * Tiles::kValueBytes);
}

Operand bfloat16_rows(const float* rows, std::ptrdiff_t stride, int count, int inputs,
                      std::byte* room, float*) {
  const std::size_t row_bytes = operand_bytes<Bfloat16Tiles>(inputs);
  for (int row = 0; row < count; ++row) {
    const float* from = rows + row * stride;
    auto* to = reinterpret_cast<std::uint16_t*>(room + row * row_bytes);
    for (int i = 0; i < inputs; ++i) to[i] = to_bfloat16(from[i]);
    std::fill(to + inputs, to + row_bytes / 2, std::uint16_t{0});
  }
  return {room, static_cast<std::ptrdiff_t>(row_bytes), nullptr};
}

template <class Tiles>
constexpr Product tile_product(decltype(Product::prepare) prepare) {
  return {kTileRows,
          kBlock,
          [](int inputs) {
            return padded_bytes(inputs * Tiles::kValueBytes) / Tiles::kValueBytes;
          },
          operand_bytes<Tiles>,
          nullptr,
          prepare,
          multiply_tiles<Tiles>};
}

}  // namespace amx

const Kernels& amx_kernels() {
  using namespace amx;
  static constexpr Kernels kKernels = vector_kernels(
      "amx", tile_product<Int8Tiles>(quantise_rows<padded_bytes, 0>),
      tile_product<Bfloat16Tiles>(bfloat16_rows), true);
  return kKernels;
}

}  // namespace squeezebert
