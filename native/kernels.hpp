// What an instruction set provides: the table of functions that the encoder is built from.
//
// Every instruction set is one translation unit, compiled with its own flags, that fills in one
// `Kernels`. Nothing else in the program may use its instructions.
//
// Letters: M rows (tokens), K inputs and N outputs of one group of a layer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace squeezebert {

enum class Precision { int8, bf16, fp32 };
constexpr int kPrecisions = 3;

// Rows of activations in the form in which a product reads them. `scales` holds, for int8, what
// the integers of each row were divided by.
struct Operand {
  const std::byte* rows;
  std::ptrdiff_t stride;  // bytes from one row to the next
  const float* scales;
};

// The packed weights of one group. Panels of `columns` outputs each follow one another; a panel
// holds its columns side by side, 4 bytes of inputs of each at a time: 4 of int8, 2 of bfloat16 or
// one float. Inputs are padded with zeros to `padded_inputs(K)`, outputs to whole panels.
constexpr int kInterleavedBytes = 4;
struct Panels {
  const std::byte* values;
  const float* scales;            // of each output, for int8
  const float* biases;            // of each output; may be null for none
  const std::int32_t* zero_sums;  // sum of each output's integers, for int8
  int inputs;                     // K
  int outputs;                    // N
};

// Products at one precision.
struct Product {
  int rows;     // of a block; counts of rows that are a multiple of it are computed fastest
  int columns;  // of a panel
  int (*padded_inputs)(int inputs);
  std::size_t (*operand_bytes)(int inputs);
  // What the integer weights [padded_inputs(K)] of an output must be multiplied by, at most 1, for
  // its sums not to overflow; null where none can.
  float (*weights_factor)(const std::int8_t* weights, int inputs);
  // Brings float rows [M, K] into the form that `multiply` reads. It may use `room`, of
  // `operand_bytes(K)` for each of `padded_rows(M)`, and `scales`, of one for each row.
  Operand (*prepare)(const float* rows, std::ptrdiff_t stride, int count, int inputs,
                     std::byte* room, float* scales);
  // Writes [M, N] = rows * panels + biases; `stride` counts floats.
  void (*multiply)(const Operand& operand, int count, const Panels& panels, float* result,
                   std::ptrdiff_t stride);
};

// A product may read this many rows beyond a multiple of it.
constexpr int kRowPadding = 32;
constexpr int padded_rows(int count) {
  return (count + kRowPadding - 1) / kRowPadding * kRowPadding;
}

// A block of channels of one text, whose values of the next token, and weights of the next tap, lie
// `stride` floats on. `is_token` is 0 for what counts as zeros; null if nothing does. A block is as
// wide as two of the widest vectors, whose sums run side by side, or one of them at the end.
constexpr int kBlockChannels = 32, kChannelMultiple = 16;
struct ConvolutionBlock {
  int tokens;
  int taps;      // odd
  int channels;  // kBlockChannels or kChannelMultiple
  std::ptrdiff_t stride;
  const float* is_token;
};

struct Kernels {
  const char* name;
  Product products[kPrecisions];  // by Precision
  // Whether products of bfloat16 are faster than those of float, so that attention gains by them.
  bool fast_bf16;
  // row = LayerNorm(row + added) over `width` values; `added` may be null.
  void (*add_and_normalise)(float* row, const float* added, const float* weight, const float* bias,
                            float eps, int width);
  void (*add)(float* row, const float* added, int width);
  // row += values * scale
  void (*add_integers)(float* row, const std::int8_t* values, float scale, int width);
  // row += values * weights, or row = values * weights at first
  void (*multiply_add)(float* row, const float* values, const float* weights, int width);
  void (*gelu)(float* row, int width);
  // row = softmax(row * scale) over its first `width` values
  void (*softmax)(float* row, float scale, int width);
  // y[t] = sum over k of x[t + k - taps / 2] * taps[k], where there is such a token. All three use
  // `scratch`, of tokens + taps - 1 times channels.
  void (*convolve)(const ConvolutionBlock& block, const float* x, const float* taps, float* y,
                   float* scratch);
  void (*convolve_x_gradient)(const ConvolutionBlock& block, const float* taps, const float* dy,
                              float* dx, float* scratch);
  // dtaps += the gradient
  void (*convolve_taps_gradient)(const ConvolutionBlock& block, const float* x, const float* dy,
                                 float* dtaps, float* scratch);
};

// One for each translation unit that was built; each runs only where the machine has it.
const Kernels& portable_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_vnni_kernels();
const Kernels& amx_kernels();
const Kernels& neon_kernels();

}  // namespace squeezebert
