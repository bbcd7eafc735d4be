// AArch64 with the dot products of Armv8.2.
#define SQUEEZEBERT_ISA neon
#define SQUEEZEBERT_VECTOR 16
#define SQUEEZEBERT_FLOAT_ROWS 6
#define SQUEEZEBERT_FLOAT_VECTORS 4

#include <arm_neon.h>

#include "int8_product.hpp"
#include "vector_kernels.hpp"

namespace squeezebert {
namespace neon {

struct Dot {
  static constexpr int kRows = 4;
  static constexpr int kVectors = 4;
  static constexpr int kDepth = 16;  // the bytes of a row that one register holds
  static constexpr int kZero = 0;

  template <int rows>
  SQUEEZEBERT_INLINE static void run(const std::byte* from, std::ptrdiff_t stride,
                                     const std::byte* panel, int inputs,
                                     const std::int32_t*,
                                     Integers (&sums)[rows][kVectors]) {
    int32x4_t block[rows][kVectors];
    unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE {
      unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE { block[row][v] = vdupq_n_s32(0); });
    });
    const auto* weights = reinterpret_cast<const std::int8_t*>(panel);
    for (int input = 0; input < inputs; input += kDepth) {
      int8x16_t x[rows];
      unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE {
        x[row] = vld1q_s8(reinterpret_cast<const std::int8_t*>(from + row * stride + input));
      });
      unrolled<4>([&](auto lane) SQUEEZEBERT_INLINE {
        unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE {
          const int8x16_t w = vld1q_s8(weights + (lane * kVectors + v) * 16);
          unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE {
            block[row][v] = vdotq_laneq_s32(block[row][v], w, x[row], lane);
          });
        });
      });
      weights += 4 * kVectors * 16;
    }
    unrolled<rows>([&](auto row) SQUEEZEBERT_INLINE {
      unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE { sums[row][v] = (Integers)block[row][v]; });
    });
  }
};

}  // namespace neon

const Kernels& neon_kernels() {
  using namespace neon;
  static constexpr Kernels kKernels = vector_kernels("neon", integer_product<Dot>());
  return kKernels;
}

}  // namespace squeezebert
