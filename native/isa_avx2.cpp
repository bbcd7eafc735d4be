// x86-64 with AVX2 and FMA.
#define SQUEEZEBERT_ISA avx2
#define SQUEEZEBERT_VECTOR 32
#define SQUEEZEBERT_FLOAT_ROWS 6
#define SQUEEZEBERT_FLOAT_VECTORS 2

#include <immintrin.h>

#include "buffer.hpp"
#include "float_product.hpp"
#include "functions.hpp"
#include "int8_product.hpp"

namespace squeezebert {
namespace avx2 {

// The instruction that multiplies bytes saturates sums of two products at 16 bits, so weights are
// widened to 16 bits, a panel at a time for all rows. As products of 16 bits cost the same whatever
// their values, activations use all the bits that sums of 32 bits have room for.
struct Dot {
  static constexpr int kRows = 6;
  static constexpr int kVectors = 2;
  static constexpr int kDepth = 2;
  static constexpr int kInterleave = 2;

  static int limit(int inputs) { return std::min(32767, (1 << 24) / inputs); }
  static std::size_t row_bytes(int inputs) { return 2 * round_up(inputs, kDepth); }

  static void write_row(const float* row, float factor, int inputs, std::byte* to) {
    auto* values = reinterpret_cast<std::int16_t*>(to);
    quantise(row, factor, inputs, values);
    if (inputs % 2 != 0) values[inputs] = 0;
  }

  static const std::byte* unpack(const std::byte* panel, int inputs) {
    // A type of this file: the destructor of `Buffer` compiled here would be linked for all.
    static thread_local struct Widened {
      Buffer<std::byte> panel;
    } kept;
    Buffer<std::byte>& widened = kept.panel;
    const int vectors = inputs / 2 * kVectors;
    widened.reserve(vectors * sizeof(__m256i));
    const auto* from = reinterpret_cast<const __m128i*>(panel);
    auto* to = reinterpret_cast<__m256i*>(widened.data());
    for (int v = 0; v < vectors; ++v) {
      _mm256_store_si256(to + v, _mm256_cvtepi8_epi16(_mm_loadu_si128(from + v)));
    }
    return widened.data();
  }

  template <int rows>
  static void run(const std::byte* from, std::ptrdiff_t stride, const std::byte* panel, int inputs,
                  const std::int32_t*, Integers (&sums)[rows][kVectors]) {
    __m256i block[rows][kVectors];
    unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE {
      unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE { block[row][v] = _mm256_setzero_si256(); });
    });
    const auto* weights = reinterpret_cast<const __m256i*>(panel);
    for (int pair = 0; pair < inputs / 2; ++pair, weights += kVectors) {
      __m256i w[kVectors];
      unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE { w[v] = _mm256_load_si256(weights + v); });
      unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE {
        std::int32_t both;
        std::memcpy(&both, from + row * stride + pair * 4, sizeof both);
        const __m256i x = _mm256_set1_epi32(both);
        unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE {
          block[row][v] = _mm256_add_epi32(block[row][v], _mm256_madd_epi16(x, w[v]));
        });
        SQUEEZEBERT_READ_IN_ORDER(block[row]);
      });
    }
    unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE {
      unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE { sums[row][v] = (Integers)block[row][v]; });
    });
  }
};

}  // namespace avx2

const Kernels& avx2_kernels() {
  using namespace avx2;
  static constexpr Kernels kKernels = {
      "avx2",
      {integer_product<Dot>(), float_product<Bfloat16Weights>(), float_product<FloatWeights>()},
      false, add_and_normalise, add, add_integers, multiply_add, gelu_row, softmax};
  return kKernels;
}

}  // namespace squeezebert
