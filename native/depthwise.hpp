// Depthwise convolutions over texts of equal length, for training: forward and backward.
#pragma once

#include "kernels.hpp"

namespace squeezebert {

// Values are [count, tokens, channels], contiguous; taps are [taps, channels]. A thread does whole
// channels, so that sums, and with them results, don't depend on the number of threads.
struct PaddedTexts {
  int count;
  int tokens;
  int channels;           // a multiple of kChannelMultiple
  int taps;               // odd
  const float* is_token;  // [count, tokens], 0 for padding; null if there is none
};

void convolve(const Kernels& kernels, const PaddedTexts& texts, const float* x, const float* taps,
              int threads, float* y);

// Either of the gradients may be null, if it is not needed.
void convolve_backward(const Kernels& kernels, const PaddedTexts& texts, const float* x,
                       const float* taps, const float* dy, int threads, float* dx, float* dtaps);

}  // namespace squeezebert
