#include "tiles.hpp"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace tiles {
namespace {

// Of palette 1, the only one there is.
constexpr int kTiles = 8;
constexpr int kMostRows = 16;
constexpr int kMostBytes = 64;

struct Config {
  std::uint8_t palette, start_row;
  std::uint8_t reserved[14];
  std::uint16_t row_bytes[16];
  std::uint8_t rows[16];
};
static_assert(sizeof(Config) == 64);

struct Tile {
  int rows, row_bytes;
  std::byte values[kMostRows][kMostBytes];

  template <class Value>
  Value at(int row, int index) const {
    Value value;
    std::memcpy(&value, values[row] + index * sizeof(Value), sizeof(Value));
    return value;
  }
  template <class Value>
  void set(int row, int index, Value value) {
    std::memcpy(values[row] + index * sizeof(Value), &value, sizeof(Value));
  }
};

thread_local bool configured = false;
thread_local Tile registers[kTiles];

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "AMX fault: %s\n", what);
  std::abort();
}

Tile& tile_at(int index) {
  require(configured, "a tile is used before LDTILECFG or after TILERELEASE");
  require(index >= 0 && index < kTiles && registers[index].rows > 0, "a tile has no shape");
  return registers[index];
}

// Factors and sums of a product, checked: (M x K) by (K x N), K in units of four bytes.
struct Factors {
  Tile& sums;
  const Tile &rows, &weights;
  int M, K, N;

  Factors(int sums_index, int rows_index, int weights_index)
      : sums(tile_at(sums_index)),
        rows(tile_at(rows_index)),
        weights(tile_at(weights_index)),
        M(sums.rows),
        K(rows.row_bytes / 4),
        N(sums.row_bytes / 4) {
    require(sums_index != rows_index && sums_index != weights_index && rows_index != weights_index,
            "a product names a tile twice");
    require(rows.row_bytes % 4 == 0 && weights.row_bytes % 4 == 0 && sums.row_bytes % 4 == 0,
            "rows of a product's tiles are not of whole groups of four bytes");
    require(rows.rows == M && weights.rows == K && weights.row_bytes == sums.row_bytes,
            "shapes of a product's tiles don't fit together");
  }
};

// Tiles take numbers below the smallest normal one as zeros, and make such results zeros.
float flush(float value) {
  return std::fabs(value) < std::numeric_limits<float>::min() ? std::copysign(0.0f, value) : value;
}

float from_bfloat16(std::uint16_t upper) {
  const std::uint32_t bits = static_cast<std::uint32_t>(upper) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return flush(value);
}

}  // namespace

void load_config(const void* shapes) {
  Config config;
  std::memcpy(&config, shapes, sizeof config);
  require(config.palette == 1, "the palette is not 1");
  require(config.start_row == 0, "the start row is not 0");
  for (const std::uint8_t byte : config.reserved) require(byte == 0, "a reserved byte is set");
  for (int index = 0; index < 16; ++index) {
    const int rows = config.rows[index], row_bytes = config.row_bytes[index];
    require(index < kTiles || (rows == 0 && row_bytes == 0), "a tile beyond the eighth is set");
    require(rows <= kMostRows && row_bytes <= kMostBytes, "a tile is too large");
    require((rows == 0) == (row_bytes == 0), "a tile has rows or columns only");
  }
  for (int index = 0; index < kTiles; ++index) {
    registers[index] = {config.rows[index], config.row_bytes[index], {}};
  }
  configured = true;
}

void release() { configured = false; }

void load(int tile, const void* from, std::ptrdiff_t stride) {
  Tile& to = tile_at(tile);
  std::memset(to.values, 0, sizeof to.values);
  for (int row = 0; row < to.rows; ++row) {
    std::memcpy(to.values[row], static_cast<const std::byte*>(from) + row * stride, to.row_bytes);
  }
}

void store(int tile, void* to, std::ptrdiff_t stride) {
  const Tile& from = tile_at(tile);
  for (int row = 0; row < from.rows; ++row) {
    std::memcpy(static_cast<std::byte*>(to) + row * stride, from.values[row], from.row_bytes);
  }
}

void zero(int tile) { std::memset(tile_at(tile).values, 0, sizeof(Tile::values)); }

void multiply_int8(int sums, int rows, int weights) {
  const Factors f(sums, rows, weights);
  for (int m = 0; m < f.M; ++m) {
    for (int n = 0; n < f.N; ++n) {
      auto sum = f.sums.at<std::uint32_t>(m, n);  // the instruction wraps around
      for (int k = 0; k < f.K; ++k) {
        for (int i = 4 * k; i < 4 * k + 4; ++i) {
          sum += f.rows.at<std::int8_t>(m, i) * f.weights.at<std::int8_t>(k, 4 * n + i % 4);
        }
      }
      f.sums.set(m, n, sum);
    }
  }
}

void multiply_bfloat16(int sums, int rows, int weights) {
  const Factors f(sums, rows, weights);
  const auto x = [&](int m, int i) { return from_bfloat16(f.rows.at<std::uint16_t>(m, i)); };
  const auto w = [&](int k, int i) { return from_bfloat16(f.weights.at<std::uint16_t>(k, i)); };
  for (int m = 0; m < f.M; ++m) {
    for (int n = 0; n < f.N; ++n) {
      float even = 0, odd = 0;  // inputs of a pair are summed apart
      for (int k = 0; k < f.K; ++k) {
        even = flush(std::fma(x(m, 2 * k), w(k, 2 * n), even));
        odd = flush(std::fma(x(m, 2 * k + 1), w(k, 2 * n + 1), odd));
      }
      f.sums.set(m, n, flush(flush(f.sums.at<float>(m, n)) + flush(even + odd)));
    }
  }
}

}  // namespace tiles
