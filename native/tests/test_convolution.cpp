// Depthwise convolutions of every instruction set, and their gradients, against sums in double
// precision. Arrays are exactly as long as they need to be, so that a sanitizer sees what is read or
// written beyond.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "depthwise.hpp"
#include "machine.hpp"
#include "random.hpp"

namespace squeezebert::tests {
namespace {

struct Case {
  PaddedTexts texts;
  std::vector<float> x, taps, dy, is_token;

  Case(Random& random, int count, int tokens, int channels, int taps_count, bool masked)
      : texts{count, tokens, channels, taps_count, nullptr},
        x(random.reals(static_cast<std::size_t>(count) * tokens * channels, -2, 2)),
        taps(random.reals(static_cast<std::size_t>(taps_count) * channels, -2, 2)),
        dy(random.reals(x.size(), -2, 2)),
        is_token(static_cast<std::size_t>(count) * tokens, 1.0f) {
    if (!masked) return;
    for (float& token : is_token) token = static_cast<float>(random.whole(0, 3) > 0);
    texts.is_token = is_token.data();
  }

  // Calls `each` with places of a token and of what a tap meets there, and the place of the tap.
  template <class Each>
  void for_products(Each each) const {
    for (int text = 0; text < texts.count; ++text) {
      for (int token = 0; token < texts.tokens; ++token) {
        for (int tap = 0; tap < texts.taps; ++tap) {
          const int met = token + tap - texts.taps / 2;
          if (met < 0 || met >= texts.tokens) continue;
          if (is_token[text * texts.tokens + met] == 0) continue;
          for (int channel = 0; channel < texts.channels; ++channel) {
            each((text * texts.tokens + token) * texts.channels + channel,
                 (text * texts.tokens + met) * texts.channels + channel,
                 tap * texts.channels + channel);
          }
        }
      }
    }
  }
};

double furthest(const std::vector<float>& found, const std::vector<double>& exact) {
  double worst = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    worst = std::max(worst, std::fabs(found[i] - exact[i]));
  }
  return worst;
}

}  // namespace

TEST_CASE("convolutions and their gradients are as near as their roundings let them") {
  Random random(11);
  for (const Kernels* kernels : usable_kernels()) {
    for (const int channels : {16, 32, 48, 240, 384}) {
      for (const int taps : {1, 3, 5, 9}) {
        for (const int tokens : {1, 2, 7, 33}) {
          const Case c(random, random.whole(1, 3), tokens, channels, taps, random.whole(0, 1));
          std::vector<double> y(c.x.size()), dx(c.x.size()), dtaps(c.taps.size());
          c.for_products([&](int at, int met, int tap) {
            y[at] += double{c.x[met]} * c.taps[tap];
            dx[met] += double{c.dy[at]} * c.taps[tap];
            dtaps[tap] += double{c.dy[at]} * c.x[met];
          });
          std::vector<float> found(y.size(), NAN), back(dx.size(), NAN), of_taps(dtaps.size(), NAN);
          convolve(*kernels, c.texts, c.x.data(), c.taps.data(), 2, found.data());
          convolve_backward(*kernels, c.texts, c.x.data(), c.taps.data(), c.dy.data(), 2,
                            back.data(), of_taps.data());
          INFO(std::string(kernels->name));
          CAPTURE(channels);
          CAPTURE(taps);
          CAPTURE(tokens);
          CHECK(furthest(found, y) < 1e-5);
          CHECK(furthest(back, dx) < 1e-5);
          CHECK(furthest(of_taps, dtaps) < 1e-4);
        }
      }
    }
  }
}

TEST_CASE("a gradient is the same with or without the other, on any number of threads") {
  Random random(12);
  for (const Kernels* kernels : usable_kernels()) {
    const Case c(random, 5, 21, 144, 5, true);
    std::vector<float> back(c.x.size()), of_taps(c.taps.size());
    convolve_backward(*kernels, c.texts, c.x.data(), c.taps.data(), c.dy.data(), 1, back.data(),
                      of_taps.data());
    for (const int threads : {1, 3}) {
      std::vector<float> alone(c.x.size()), of_taps_alone(c.taps.size());
      convolve_backward(*kernels, c.texts, c.x.data(), c.taps.data(), c.dy.data(), threads,
                        alone.data(), nullptr);
      convolve_backward(*kernels, c.texts, c.x.data(), c.taps.data(), c.dy.data(), threads,
                        nullptr, of_taps_alone.data());
      INFO(std::string(kernels->name));
      CHECK(alone == back);
      CHECK(of_taps_alone == of_taps);
    }
  }
}

}  // namespace squeezebert::tests
