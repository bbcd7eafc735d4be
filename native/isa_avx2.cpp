// x86-64 with AVX2 and FMA.
#define SQUEEZEBERT_ISA avx2
#define SQUEEZEBERT_VECTOR 32
#define SQUEEZEBERT_FLOAT_ROWS 6
#define SQUEEZEBERT_FLOAT_VECTORS 2

#include <immintrin.h>

#include "float_product.hpp"
#include "functions.hpp"
#include "int8_product.hpp"

namespace squeezebert {
namespace avx2 {

// The instruction that multiplies bytes takes one factor without sign and saturates sums of two
// products at 16 bits. With |x| and sign(x) * w in place of x and w nothing can saturate, since
// 2 * 127 * 127 fits; so a row holds its integers and, after them, their magnitudes.
struct Dot {
  static constexpr int kRows = 4;
  static constexpr int kVectors = 2;
  static constexpr int kDepth = 4;

  static std::size_t row_bytes(int inputs) { return 2 * round_up(inputs, kDepth); }

  static void write_row(const float* row, float inverse, int inputs, std::byte* to) {
    auto* values = reinterpret_cast<std::int8_t*>(to);
    const int padded = round_up(inputs, kDepth);
    quantise(row, inverse, inputs, values);
    std::fill(values + inputs, values + padded, std::int8_t{0});
    for (int i = 0; i < padded; ++i) {
      values[padded + i] = values[i] < 0 ? -values[i] : values[i];
    }
  }

  template <int rows>
  static void run(const std::byte* from, std::ptrdiff_t stride, const std::byte* panel, int inputs,
                  const std::int32_t*, Integers (&sums)[rows][kVectors]) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i block[rows][kVectors];
#pragma GCC unroll 8
    for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) block[row][v] = _mm256_setzero_si256();
    }
    for (int input = 0; input < inputs; input += 4) {
      const auto* weights = reinterpret_cast<const __m256i*>(panel + input * kVectors * kLanes);
      __m256i w[kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) w[v] = _mm256_loadu_si256(weights + v);
#pragma GCC unroll 8
      for (int row = 0; row < rows; ++row) {
        const std::byte* x = from + row * stride + input;
        const __m256i signs = four_bytes(x);
        const __m256i magnitudes = four_bytes(x + inputs);
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) {
          const __m256i pairs = _mm256_maddubs_epi16(magnitudes, _mm256_sign_epi8(w[v], signs));
          block[row][v] = _mm256_add_epi32(block[row][v], _mm256_madd_epi16(pairs, ones));
        }
      }
    }
#pragma GCC unroll 8
    for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sums[row][v] = (Integers)block[row][v];
    }
  }

 private:
  static __m256i four_bytes(const std::byte* from) {
    std::int32_t bytes;
    std::memcpy(&bytes, from, sizeof bytes);
    return _mm256_set1_epi32(bytes);
  }
};

}  // namespace avx2

const Kernels& avx2_kernels() {
  using namespace avx2;
  static constexpr Kernels kKernels = {
      "avx2",
      {integer_product<Dot>(), float_product<Bfloat16Weights>(), float_product<FloatWeights>()},
      add_and_normalise, add, add_integers, multiply_add, gelu_row, softmax};
  return kKernels;
}

}  // namespace squeezebert
