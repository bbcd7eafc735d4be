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

constexpr Precision kEvery[] = {Precision::fp32, Precision::bf16, Precision::int8};

// Largest error of a hidden state allowed; hidden states vary by about 1. Activations that are
// rounded at all have 8 bits in bfloat16, and in int8 7 and a sign.
double bound_of(const Kernels& kernels, Precision precision) {
  const Product& product = kernels.products[static_cast<int>(precision)];
  const bool rounds = product.operand_bytes(1) > 0;
  return !rounds ? 3e-5 : precision == Precision::bf16 ? 0.1 : 0.25;
}

// Head widths of 8, 24, 32 and 64; groups of widths that do and don't fill blocks; both mixers.
const std::vector<Architecture> kArchitectures = {
    {64, 8, 96, 2, {4, 4, 4, 1, 4, 4}},
    {96, 4, 192, 2, {4, 2, 1, 3, 6, 4}},
    {96, 3, 384, 2, {4, 4, 4, 1, 4, 2}},
    {192, 3, 256, 1, {1, 1, 1, 1, 1, 1}, 0, WordKind::nibbles},
    {32, 4, 32, 3, {4, 4, 4, 4, 32, 32}, 0, WordKind::floats},
    {192, 6, 96, 1, {2, 2, 2, 8, 3, 6}},
    {64, 2, 96, 2, {4, 4, 4, 1, 4, 4}, 3},
    {96, 12, 64, 2, {1, 2, 3, 1, 1, 4}, 5, WordKind::nibbles},
    {32, 1, 64, 1, {1, 1, 1, 1, 1, 1}, 1},
};

const std::vector<std::vector<int>> kLengths = {
    {1}, {2}, {7}, {64}, {65}, {130}, {1, 1, 1}, {5, 1, 33, 12, 2, 70}, {3, 80, 16, 16, 1}};

// Every instruction set at every precision on the same texts.
void check(const Model& model, const std::vector<Texts>& batches) {
  std::vector<std::vector<double>> expected;
  for (const Texts& texts : batches) expected.push_back(reference(model, texts));
  INFO(model.architecture.described());
  for (const Kernels* kernels : usable_kernels()) {
    INFO(std::string(kernels->name));
    for (const Precision precision : kEvery) {
      CAPTURE(static_cast<int>(precision));
      const auto encoder = model.encoder(*kernels, precision);
      for (std::size_t batch = 0; batch < batches.size(); ++batch) {
        CAPTURE(batch);
        const std::vector<float> hidden = encode(*encoder, model, batches[batch], 2);
        double worst = 0;
        for (std::size_t i = 0; i < hidden.size(); ++i) {
          const double error = std::fabs(hidden[i] - expected[batch][i]);
          worst = std::isnan(error) ? INFINITY : std::max(worst, error);
        }
        CHECK(worst < bound_of(*kernels, precision));
      }
    }
  }
}

}  // namespace

TEST_CASE("encodes what the reference does") {
  std::uint32_t seed = 20;
  for (const Architecture& architecture : kArchitectures) {
    const Model model(architecture, ++seed);
    std::vector<Texts> batches;
    for (const auto& lengths : kLengths) batches.emplace_back(lengths, ++seed);
    check(model, batches);
  }
}

TEST_CASE("encodes the longest sequence") {
  check(Model({64, 2, 64, 1, {2, 2, 2, 2, 2, 2}}, 30), {Texts({kPositions, 3}, 31)});
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
      INFO(std::string(kernels->name));
      for (const Precision precision : kEvery) {
        const auto encoder = model.encoder(*kernels, precision);
        const std::vector<float> expected = encode(*encoder, model, texts, 1);
        for (const int threads : {2, 3, 7, 1'000'000}) {
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
