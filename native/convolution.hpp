// The depthwise convolutions of a `Kernels`, for the vectors of one instruction set. The channels of
// a block are copied to where the tokens lie side by side, with zeros around them: then no step asks
// where a text ends, and all of it stays in the nearest cache.
#pragma once

#include "kernels.hpp"
#include "vectors.hpp"

namespace squeezebert::SQUEEZEBERT_ISA {

// The convolutions of blocks of so many channels.
template <int channels>
struct BlockConvolution {
  static constexpr int kVectors = channels / kLanes;

  // A block's tokens, and as many of zeros on both sides as filters reach.
  static const float* padded(const Convolved& block, const float* values, const float* is_token,
                             float* room) {
    const int reach = block.taps / 2 * channels;
    std::memset(room, 0, reach * sizeof(float));
    float* to = room + reach;
    for (int token = 0; token < block.tokens; ++token, to += channels) {
      const float factor = is_token == nullptr ? 1.0f : is_token[token];
      unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE {
        const Vector x = load(values + token * block.stride + v * kLanes);
        store(to + v * kLanes, x * factor);
      });
    }
    std::memset(to, 0, reach * sizeof(float));
    return room;
  }

  // Sums over the taps, of which `step` says how far on the values of the next one lie.
  SQUEEZEBERT_INLINE static void add_taps(const Convolved& block, const float* values, int step,
                                          const float* taps, Vector (&sums)[kVectors]) {
    for (int tap = 0; tap < block.taps; ++tap, values += step, taps += block.stride) {
      unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE {
        sums[v] += load(values + v * kLanes) * load(taps + v * kLanes);
      });
    }
  }

  static void run(const Convolved& block, const float* x, const float* taps, float* y,
                  float* room) {
    const float* values = padded(block, x, block.is_token, room);
    for (int token = 0; token < block.tokens; ++token, values += channels) {
      Vector sums[kVectors] = {};
      add_taps(block, values, channels, taps, sums);
      unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE {
        store(y + token * block.stride + v * kLanes, sums[v]);
      });
    }
  }

  // What a token gets back is a convolution too, by the filters read from their ends.
  static void x_gradient(const Convolved& block, const float* taps, const float* dy, float* dx,
                         float* room) {
    const float* values = padded(block, dy, nullptr, room) + (block.taps - 1) * channels;
    for (int token = 0; token < block.tokens; ++token, values += channels) {
      Vector sums[kVectors] = {};
      add_taps(block, values, -channels, taps, sums);
      const float factor = block.is_token == nullptr ? 1.0f : block.is_token[token];
      unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE {
        store(dx + token * block.stride + v * kLanes, sums[v] * factor);
      });
    }
  }

  static void taps_gradient(const Convolved& block, const float* x, const float* dy, float* dtaps,
                            float* room) {
    const float* values = padded(block, x, block.is_token, room);
    for (int tap = 0; tap < block.taps; ++tap, values += channels) {
      Vector sums[kVectors] = {};
      for (int token = 0; token < block.tokens; ++token) {
        unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE {
          sums[v] += load(values + token * channels + v * kLanes) *
                     load(dy + token * block.stride + v * kLanes);
        });
      }
      unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE {
        float* to = dtaps + tap * block.stride + v * kLanes;
        store(to, load(to) + sums[v]);
      });
    }
  }
};

// Calls `run` with the convolution for the block's number of channels.
template <class Run>
SQUEEZEBERT_INLINE inline void with_convolution(const Convolved& block, Run run) {
  if (block.channels == kConvolvedChannels) return run(BlockConvolution<kConvolvedChannels>());
  run(BlockConvolution<kFewestConvolved>());
}

inline void convolve(const Convolved& block, const float* x, const float* taps, float* y,
                     float* room) {
  with_convolution(block, [&](auto by) { by.run(block, x, taps, y, room); });
}

inline void convolve_x_gradient(const Convolved& block, const float* taps, const float* dy,
                                float* dx, float* room) {
  with_convolution(block, [&](auto by) { by.x_gradient(block, taps, dy, dx, room); });
}

inline void convolve_taps_gradient(const Convolved& block, const float* x, const float* dy,
                                   float* dtaps, float* room) {
  with_convolution(block, [&](auto by) { by.taps_gradient(block, x, dy, dtaps, room); });
}

}  // namespace squeezebert::SQUEEZEBERT_ISA
