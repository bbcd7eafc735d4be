// x86-64 with AVX2 and FMA.
#define SQUEEZEBERT_ISA avx2
#define SQUEEZEBERT_VECTOR 32
#define SQUEEZEBERT_FLOAT_ROWS 6
#define SQUEEZEBERT_FLOAT_VECTORS 2

#include <immintrin.h>

#include "int8_product.hpp"
#include "vector_kernels.hpp"

namespace squeezebert {
namespace avx2 {

// The instruction that multiplies bytes takes its first factor without sign, so a row holds its
// integers plus 128, and sums begin at -128 times the sum of the weights. It adds two products in 16
// bits; two of its results are added before they are widened to 32, so that four products meet in 16
// bits, of inputs 0, 1, 4, 5 or 2, 3, 6, 7 of every eight.
struct Dot {
  static constexpr int kRows = 4;
  static constexpr int kVectors = 3;
  static constexpr int kDepth = 8;
  static constexpr int kZero = 128;

  template <int rows>
  SQUEEZEBERT_INLINE static void run(const std::byte* from, std::ptrdiff_t stride,
                                     const std::byte* panel, int inputs,
                                     const std::int32_t* zero_sums,
                                     Integers (&sums)[rows][kVectors]) {
    __m256i block[rows][kVectors];
    unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE {
      const Integers start = load_integers(zero_sums + v * kLanes) * -kZero;
      unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE { block[row][v] = (__m256i)start; });
    });
    const __m256i ones = _mm256_set1_epi16(1);
    const auto* weights = reinterpret_cast<const __m256i*>(panel);
    for (int input = 0; input < inputs; input += kDepth, weights += 2 * kVectors) {
      unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE {
        std::int32_t bytes[2];
        std::memcpy(bytes, from + row * stride + input, sizeof bytes);
        const __m256i first = _mm256_set1_epi32(bytes[0]), second = _mm256_set1_epi32(bytes[1]);
        unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE {
          const __m256i four = _mm256_add_epi16(_mm256_maddubs_epi16(first, weights[v]),
                                                _mm256_maddubs_epi16(second, weights[kVectors + v]));
          block[row][v] = _mm256_add_epi32(block[row][v], _mm256_madd_epi16(four, ones));
          SQUEEZEBERT_READ_IN_ORDER(block[row][v]);
        });
      });
    }
    unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE {
      unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE { sums[row][v] = (Integers)block[row][v]; });
    });
  }
};

// Activations are at most 255, so weights of the same sign that meet in 16 bits may sum to 128.
// Smaller ones are rounded, each of the four up to a half further.
float weights_factor(const std::int8_t* weights, int inputs) {
  constexpr int kMost = 32767 / 255;
  const __m128i zero = _mm_setzero_si128(), ones = _mm_set1_epi8(1);
  __m128i most = zero;
  for (int input = 0; input < inputs; input += Dot::kDepth) {
    const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(weights + input));
    const auto look = [&](__m128i weights) SQUEEZEBERT_INLINE {
      const __m128i pairs = _mm_maddubs_epi16(_mm_max_epi8(weights, zero), ones);
      most = _mm_max_epi16(most, _mm_add_epi16(pairs, _mm_srli_epi64(pairs, 32)));
    };
    look(eight);
    look(_mm_sub_epi8(zero, eight));
  }
  const int sum = std::max(_mm_extract_epi16(most, 0), _mm_extract_epi16(most, 1));
  return sum <= kMost ? 1.0f : static_cast<float>(kMost - 2) / static_cast<float>(sum);
}

}  // namespace avx2

const Kernels& avx2_kernels() {
  using namespace avx2;
  static constexpr Kernels kKernels = vector_kernels("avx2", integer_product<Dot>(weights_factor));
  return kKernels;
}

}  // namespace squeezebert
