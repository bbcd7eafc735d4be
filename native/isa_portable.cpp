// Portable C++: what every machine has, and the baseline of its compiler.
#define SQUEEZEBERT_ISA portable
#define SQUEEZEBERT_VECTOR 16
#define SQUEEZEBERT_FLOAT_ROWS 4
#define SQUEEZEBERT_FLOAT_VECTORS 2

#include "int8_product.hpp"
#include "vector_kernels.hpp"

namespace squeezebert {
namespace portable {

struct Dot {
  static constexpr int kRows = 2;
  static constexpr int kVectors = 2;
  static constexpr int kDepth = 4;
  static constexpr int kZero = 0;

  template <int rows>
  SQUEEZEBERT_INLINE static void run(const std::byte* from, std::ptrdiff_t stride,
                                     const std::byte* panel, int inputs,
                                     const std::int32_t*,
                                     Integers (&sums)[rows][kVectors]) {
    std::memset(sums, 0, sizeof sums);
    const auto* weights = reinterpret_cast<const std::int8_t*>(panel);
    for (int input = 0; input < inputs; input += 4) {
      for (int row = 0; row < rows; ++row) {
        const auto* x = reinterpret_cast<const std::int8_t*>(from + row * stride + input);
        for (int column = 0; column < kVectors * kLanes; ++column) {
          const std::int8_t* w = weights + (input * kVectors * kLanes) + column * 4;
          sums[row][column / kLanes][column % kLanes] +=
              x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];
        }
      }
    }
  }
};

}  // namespace portable

const Kernels& portable_kernels() {
  using namespace portable;
  static constexpr Kernels kKernels = vector_kernels("portable", integer_product<Dot>());
  return kKernels;
}

}  // namespace squeezebert
