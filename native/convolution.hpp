// The depthwise convolutions of a `Kernels`, for the vectors of one instruction set. The channels of
// a block are copied to where the tokens lie side by side, with zeros around them: then no step asks
// where a text ends, and every tap reads what is in the cache.
#pragma once

#include "kernels.hpp"
#include "vectors.hpp"

namespace squeezebert::SQUEEZEBERT_ISA {

// The convolutions of blocks of so many channels.
template <int channels>
struct BlockConvolution {
  static constexpr int kVectors = channels / kLanes;

  // Copies the block's tokens to `scratch`, zeros for those that are none, and as many of zeros on
  // both sides as filters reach.
  static void pad(const ConvolutionBlock& block, const float* values, const float* is_token,
                  float* scratch) {
    constexpr std::size_t kToken = channels * sizeof(float);
    const int reach = block.taps / 2;
    std::memset(scratch, 0, reach * kToken);
    float* to = scratch + reach * channels;
    for (int token = 0; token < block.tokens; ++token, to += channels) {
      if (is_token == nullptr || is_token[token] != 0) {
        std::memcpy(to, values + token * block.stride, kToken);
      } else {
        std::memset(to, 0, kToken);
      }
    }
    std::memset(to, 0, reach * kToken);
  }

  // Sums, over the taps, of weights times values that lie a token apart.
  template <bool backwards>
  SQUEEZEBERT_INLINE static void add_taps(const ConvolutionBlock& block, const float* values,
                                          const float* taps, Vector (&sums)[kVectors]) {
    for (int tap = 0; tap < block.taps; ++tap) {
      const float* met = values + (backwards ? block.taps - 1 - tap : tap) * channels;
      unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE {
        sums[v] += load(met + v * kLanes) * load(taps + tap * block.stride + v * kLanes);
      });
    }
  }

  SQUEEZEBERT_INLINE static void store_all(float* to, const Vector (&values)[kVectors]) {
    unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE { store(to + v * kLanes, values[v]); });
  }

  static void run(const ConvolutionBlock& block, const float* x, const float* taps, float* y,
                  float* scratch) {
    pad(block, x, block.is_token, scratch);
    for (int token = 0; token < block.tokens; ++token) {
      Vector sums[kVectors] = {};
      add_taps<false>(block, scratch + token * channels, taps, sums);
      store_all(y + token * block.stride, sums);
    }
  }

  // What a token gets back is a convolution too, by the filters read from their ends.
  static void x_gradient(const ConvolutionBlock& block, const float* taps, const float* dy,
                         float* dx, float* scratch) {
    pad(block, dy, nullptr, scratch);
    for (int token = 0; token < block.tokens; ++token) {
      Vector sums[kVectors] = {};
      if (block.is_token == nullptr || block.is_token[token] != 0) {
        add_taps<true>(block, scratch + token * channels, taps, sums);
      }
      store_all(dx + token * block.stride, sums);
    }
  }

  static void taps_gradient(const ConvolutionBlock& block, const float* x, const float* dy,
                            float* dtaps, float* scratch) {
    pad(block, x, block.is_token, scratch);
    for (int tap = 0; tap < block.taps; ++tap) {
      Vector sums[kVectors] = {};
      for (int token = 0; token < block.tokens; ++token) {
        const float* met = scratch + (token + tap) * channels;
        unrolled<kVectors>([&](auto v) SQUEEZEBERT_INLINE {
          sums[v] += load(met + v * kLanes) * load(dy + token * block.stride + v * kLanes);
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
SQUEEZEBERT_INLINE inline void with_convolution(const ConvolutionBlock& block, Run run) {
  if (block.channels == kBlockChannels) return run(BlockConvolution<kBlockChannels>());
  run(BlockConvolution<kChannelMultiple>());
}

inline void convolve(const ConvolutionBlock& block, const float* x, const float* taps, float* y,
                     float* scratch) {
  with_convolution(block, [&](auto by) { by.run(block, x, taps, y, scratch); });
}

inline void convolve_x_gradient(const ConvolutionBlock& block, const float* taps, const float* dy,
                                float* dx, float* scratch) {
  with_convolution(block, [&](auto by) { by.x_gradient(block, taps, dy, dx, scratch); });
}

inline void convolve_taps_gradient(const ConvolutionBlock& block, const float* x, const float* dy,
                                   float* dtaps, float* scratch) {
  with_convolution(block, [&](auto by) { by.taps_gradient(block, x, dy, dtaps, scratch); });
}

}  // namespace squeezebert::SQUEEZEBERT_ISA
