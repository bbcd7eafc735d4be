// The table of an instruction set whose functions are those of vectors; its products of integers
// are its own, and those of bfloat16 may be.
#pragma once

#include "convolution.hpp"
#include "float_product.hpp"
#include "functions.hpp"
#include "kernels.hpp"

namespace squeezebert::SQUEEZEBERT_ISA {

constexpr Kernels vector_kernels(const char* name, Product int8,
                                 Product bf16 = float_product<Bfloat16Weights>(),
                                 bool fast_bf16 = false) {
  return {name,
          {int8, bf16, float_product<FloatWeights>()},
          fast_bf16,
          add_and_normalise,
          add,
          add_integers,
          multiply_add,
          gelu_row,
          softmax,
          convolve,
          convolve_x_gradient,
          convolve_taps_gradient};
}

}  // namespace squeezebert::SQUEEZEBERT_ISA
