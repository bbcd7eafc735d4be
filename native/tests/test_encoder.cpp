// The whole encoder on every instruction set at every precision against the plain reference.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "machine.hpp"
#include "model.hpp"
#include "random.hpp"
#include "reference.hpp"

namespace squeezebert::tests {
namespace {

// Largest error of a hidden state allowed; hidden states vary by about 1. Activations of int8 have
// 7 bits and a sign, and bfloat16 has 8.
struct Bound {
  Precision precision;
  double worst;
};
constexpr Bound kBounds[] = {
    {Precision::fp32, 3e-5}, {Precision::bf16, 0.1}, {Precision::int8, 0.25}};

// Head widths of 8, 24, 32 and 64; groups of widths that do and don't fill blocks; both mixers.
const std::vector<Architecture> kArchitectures = {
    {64, 8, 96, 2, {4, 4, 4, 1, 4, 4}},
    {96, 4, 192, 2, {4, 2, 1, 3, 6, 4}},
    {96, 3, 384, 2, {4, 4, 4, 1, 4, 2}},
    {192, 3, 256, 1, {1, 1, 1, 1, 1, 1}},
    {32, 4, 32, 3, {4, 4, 4, 4, 32, 32}, 0, false},
    {192, 6, 96, 1, {2, 2, 2, 8, 3, 6}},
    {64, 2, 96, 2, {4, 4, 4, 1, 4, 4}, 3},
    {96, 12, 64, 2, {1, 2, 3, 1, 1, 4}, 5, false},
    {32, 1, 64, 1, {1, 1, 1, 1, 1, 1}, 1},
};

const std::vector<std::vector<int>> kLengths = {
    {1}, {2}, {7}, {64}, {65}, {130}, {1, 1, 1}, {5, 1, 33, 12, 2, 70}, {3, 80, 16, 16, 1}};

void check(const Model& model, const Encoder& encoder, const Texts& texts, int threads,
           double bound) {
  const std::vector<float> hidden = encode(encoder, model, texts, threads);
  const std::vector<double> expected = reference(model, texts);
  double worst = 0;
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    const double error = std::fabs(hidden[i] - expected[i]);
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
  }
  CHECK(worst < bound);
}

}  // namespace

TEST_CASE("encodes what the reference does") {
  std::uint32_t seed = 20;
  for (const Architecture& architecture : kArchitectures) {
    const Model model(architecture, ++seed);
    INFO(architecture.described());
    for (const Kernels* kernels : usable_kernels()) {
      CAPTURE(kernels->name);
      for (const auto& [precision, bound] : kBounds) {
        CAPTURE(static_cast<int>(precision));
        const auto encoder = model.encoder(*kernels, precision);
        for (const auto& lengths : kLengths) {
          CAPTURE(doctest::toString(lengths.size()));
          CAPTURE(lengths[0]);
          check(model, *encoder, Texts(lengths, ++seed), 2, bound);
        }
      }
    }
  }
}

TEST_CASE("encodes the longest sequence") {
  const Model model({64, 2, 64, 1, {2, 2, 2, 2, 2, 2}}, 30);
  for (const Kernels* kernels : usable_kernels()) {
    CAPTURE(kernels->name);
    for (const auto& [precision, bound] : kBounds) {
      check(model, *model.encoder(*kernels, precision), Texts({kPositions, 3}, 31), 3, bound);
    }
  }
}

TEST_CASE("a batch of no sequences is encoded to nothing") {
  const Model model(kArchitectures[0], 32);
  for (const Kernels* kernels : usable_kernels()) {
    CHECK(encode(*model.encoder(*kernels, Precision::int8), model, Texts({}, 33), 2).empty());
  }
}

TEST_CASE("no result depends on the number of threads or on the other sequences") {
  std::uint32_t seed = 40;
  for (const Architecture& architecture : kArchitectures) {
    const Model model(architecture, ++seed);
    INFO(architecture.described());
    const std::vector<int> lengths = {5, 1, 33, 12, 2, 70, 40};
    const Texts texts(lengths, ++seed);
    for (const Kernels* kernels : usable_kernels()) {
      CAPTURE(kernels->name);
      for (const auto& [precision, bound] : kBounds) {
        const auto encoder = model.encoder(*kernels, precision);
        const std::vector<float> expected = encode(*encoder, model, texts, 1);
        for (const int threads : {2, 3, 5, 8, 64, 1'000'000}) {
          CAPTURE(threads);
          CHECK(encode(*encoder, model, texts, threads) == expected);
        }
        for (std::size_t index = 0; index < lengths.size(); ++index) {
          const int first = texts.starts[index], last = texts.starts[index + 1];
          Texts alone({lengths[index]}, 0);
          alone.ids.assign(texts.ids.begin() + first, texts.ids.begin() + last);
          alone.types.assign(texts.types.begin() + first, texts.types.begin() + last);
          const int width = architecture.hidden;
          CHECK(encode(*encoder, model, alone, 2) ==
                std::vector<float>(expected.begin() + first * width, expected.begin() + last * width));
        }
      }
    }
  }
}

}  // namespace squeezebert::tests
