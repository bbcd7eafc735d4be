#include "depthwise.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "buffer.hpp"
#include "pool.hpp"

namespace squeezebert {
namespace {

// Calls `each` with every block, the places where its values and its filters begin, and scratch.
template <class Each>
void for_blocks(const PaddedTexts& texts, int threads, Each each) {
  const std::ptrdiff_t text_size = static_cast<std::ptrdiff_t>(texts.tokens) * texts.channels;
  const int blocks = (texts.channels + kBlockChannels - 1) / kBlockChannels;
  run_stages(1, blocks, threads, [&](int, int tile) {
    const int first = tile * kBlockChannels;
    const int channels = std::min(kBlockChannels, texts.channels - first);
    ConvolutionBlock block{texts.tokens, texts.taps, channels, texts.channels, texts.is_token};
    Buffer<float> scratch(static_cast<std::size_t>(texts.tokens + texts.taps) * channels);
    for (int text = 0; text < texts.count; ++text) {
      each(block, text * text_size + first, first, scratch.data());
      if (block.is_token != nullptr) block.is_token += texts.tokens;
    }
  });
}

}  // namespace

void convolve(const Kernels& kernels, const PaddedTexts& texts, const float* x, const float* taps,
              int threads, float* y) {
  for_blocks(texts, threads,
             [&](const ConvolutionBlock& block, std::ptrdiff_t at, int channel, float* scratch) {
               kernels.convolve(block, x + at, taps + channel, y + at, scratch);
             });
}

void convolve_backward(const Kernels& kernels, const PaddedTexts& texts, const float* x,
                       const float* taps, const float* dy, int threads, float* dx, float* dtaps) {
  if (dtaps != nullptr) {
    std::memset(dtaps, 0, sizeof(float) * texts.taps * texts.channels);
  }
  for_blocks(
      texts, threads, [&](const ConvolutionBlock& block, std::ptrdiff_t at, int channel, float* scratch) {
        if (dx != nullptr) {
          kernels.convolve_x_gradient(block, taps + channel, dy + at, dx + at, scratch);
        }
        if (dtaps != nullptr) {
          kernels.convolve_taps_gradient(block, x + at, dy + at, dtaps + channel, scratch);
        }
      });
}

}  // namespace squeezebert
