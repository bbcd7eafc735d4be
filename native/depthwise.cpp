#include "depthwise.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "buffer.hpp"
#include "pool.hpp"

namespace squeezebert {
namespace {

// Calls `each` with every block, where its values and where its filters begin, and room.
template <class Each>
void for_blocks(const Texts& texts, int threads, Each each) {
  const std::ptrdiff_t text_size = static_cast<std::ptrdiff_t>(texts.tokens) * texts.channels;
  const int blocks = (texts.channels + kConvolvedChannels - 1) / kConvolvedChannels;
  run_stages(1, blocks, threads, [&](int, int tile) {
    const int first = tile * kConvolvedChannels;
    const int channels = std::min(kConvolvedChannels, texts.channels - first);
    Convolved block{texts.tokens, texts.taps, channels, texts.channels, texts.is_token};
    Buffer<float> room(static_cast<std::size_t>(texts.tokens + texts.taps) * channels);
    for (int text = 0; text < texts.count; ++text) {
      each(block, text * text_size + first, first, room.data());
      if (block.is_token != nullptr) block.is_token += texts.tokens;
    }
  });
}

}  // namespace

void convolve(const Kernels& kernels, const Texts& texts, const float* x, const float* taps,
              int threads, float* y) {
  for_blocks(texts, threads,
             [&](const Convolved& block, std::ptrdiff_t at, int channel, float* room) {
               kernels.convolve(block, x + at, taps + channel, y + at, room);
             });
}

void convolve_backward(const Kernels& kernels, const Texts& texts, const float* x,
                       const float* taps, const float* dy, int threads, float* dx, float* dtaps) {
  if (dtaps != nullptr) {
    std::memset(dtaps, 0, sizeof(float) * texts.taps * texts.channels);
  }
  for_blocks(
      texts, threads, [&](const Convolved& block, std::ptrdiff_t at, int channel, float* room) {
        if (dx != nullptr) {
          kernels.convolve_x_gradient(block, taps + channel, dy + at, dx + at, room);
        }
        if (dtaps != nullptr) {
          kernels.convolve_taps_gradient(block, x + at, dy + at, dtaps + channel, room);
        }
      });
}

}  // namespace squeezebert
