// x86-64 with AVX-512 and its byte products (VNNI).
#define SQUEEZEBERT_ISA avx512_vnni
#define SQUEEZEBERT_VECTOR 64
#define SQUEEZEBERT_FLOAT_ROWS 12
#define SQUEEZEBERT_FLOAT_VECTORS 2

#include <immintrin.h>

#include "int8_product.hpp"
#include "vector_kernels.hpp"

namespace squeezebert {
namespace avx512_vnni {

// The instruction takes its first factor without sign, so a row holds its integers plus 128, and
// sums begin at -128 times the sum of the weights.
struct Dot {
  static constexpr int kRows = 12;
  static constexpr int kVectors = 2;
  static constexpr int kDepth = 4;
  static constexpr int kZero = 128;

  template <int rows>
  SQUEEZEBERT_INLINE static void run(const std::byte* from, std::ptrdiff_t stride,
                                     const std::byte* panel, int inputs,
                                     const std::int32_t* zero_sums,
                                     Integers (&sums)[rows][kVectors]) {
    __m512i block[rows][kVectors];
    unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE {
      const Integers start = load_integers(zero_sums + v * kLanes) * -kZero;
      unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE { block[row][v] = (__m512i)start; });
    });
    for (int input = 0; input < inputs; input += 4) {
      const std::byte* weights = panel + input * kVectors * kLanes;
      __m512i w[kVectors];
      unrolled<kVectors>(
          [&](auto v) SQUEEZEBERT_INLINE { w[v] = _mm512_loadu_si512(weights + v * 64); });
      unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE {
        std::int32_t bytes;
        std::memcpy(&bytes, from + row * stride + input, sizeof bytes);
        const __m512i x = _mm512_set1_epi32(bytes);
        unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE {
          block[row][v] = _mm512_dpbusd_epi32(block[row][v], x, w[v]);
        });
        SQUEEZEBERT_READ_IN_ORDER(block[row][kVectors - 1]);
      });
    }
    unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE {
      unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE { sums[row][v] = (Integers)block[row][v]; });
    });
  }
};

}  // namespace avx512_vnni

const Kernels& avx512_vnni_kernels() {
  using namespace avx512_vnni;
  static constexpr Kernels kKernels = vector_kernels("avx512_vnni", integer_product<Dot>());
  return kKernels;
}

}  // namespace squeezebert
