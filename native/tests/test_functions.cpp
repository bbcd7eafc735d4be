// The elementwise functions of every instruction set against the same in double precision. Arrays
// are exactly as long as their widths, so that a sanitizer sees what is read or written beyond.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "machine.hpp"
#include "random.hpp"

namespace squeezebert::tests {
namespace {

const std::vector<int> kWidths = {32, 64, 96, 128, 192, 384, 768, 3072};

double exact_gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }

std::vector<double> exact_softmax(const std::vector<float>& row, double scale) {
  const double most = *std::max_element(row.begin(), row.end());
  std::vector<double> odds;
  double total = 0;
  for (const float x : row) total += odds.emplace_back(std::exp((x - most) * scale));
  for (double& odd : odds) odd /= total;
  return odds;
}

void check_softmax(const Kernels& kernels, std::vector<float> row, float scale) {
  const std::vector<double> expected = exact_softmax(row, scale);
  kernels.softmax(row.data(), scale, static_cast<int>(row.size()));
  double worst = 0, total = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    worst = std::max(worst, std::fabs(row[i] - expected[i]) - 5e-6 * expected[i]);
    total += row[i];
  }
  CHECK(worst < 1e-30);  // what is left of e^-87, where the function ends
  CHECK(total == doctest::Approx(1).epsilon(1e-6));
}

}  // namespace

TEST_CASE("add, add_integers, multiply_add") {
  Random random(1);
  for (const Kernels* kernels : usable_kernels()) {
    for (const int width : kWidths) {
      INFO(std::string(kernels->name));
      CAPTURE(width);
      const std::vector<float> start = random.reals(width, -3, 3);
      const std::vector<float> values = random.reals(width, -3, 3);
      const std::vector<float> weights = random.reals(width, -3, 3);
      std::vector<std::int8_t> integers(width);
      for (auto& integer : integers) integer = static_cast<std::int8_t>(random.whole(-128, 127));
      auto sum = start, scaled = start, multiplied = start;
      kernels->add(sum.data(), values.data(), width);
      kernels->add_integers(scaled.data(), integers.data(), 0.03f, width);
      kernels->multiply_add(multiplied.data(), values.data(), weights.data(), width);
      double worst = 0;
      for (int i = 0; i < width; ++i) {
        CHECK_EQ(sum[i], start[i] + values[i]);
        worst = std::max(worst, std::fabs(scaled[i] - (start[i] + integers[i] * double{0.03f})));
        worst = std::max(worst,
                         std::fabs(multiplied[i] - (start[i] + double{values[i]} * weights[i])));
      }
      CHECK(worst < 2e-6);
    }
  }
}

TEST_CASE("add_and_normalise") {
  Random random(2);
  constexpr float kEps = 1e-12f;
  for (const Kernels* kernels : usable_kernels()) {
    for (const int width : kWidths) {
      for (const float offset : {0.0f, 100.0f}) {
        for (const bool with_added : {false, true}) {
          INFO(std::string(kernels->name));
          CAPTURE(width);
          CAPTURE(offset);
          std::vector<float> row = random.reals(width, offset - 2, offset + 2);
          const std::vector<float> added = random.reals(width, -1, 1);
          const std::vector<float> weight = random.reals(width, -2, 2);
          const std::vector<float> bias = random.reals(width, -2, 2);
          std::vector<double> x(row.begin(), row.end());
          if (with_added) {
            for (int i = 0; i < width; ++i) x[i] = row[i] + added[i];
          }
          double mean = 0, variance = 0;
          for (const double value : x) mean += value / width;
          for (const double value : x) variance += (value - mean) * (value - mean) / width;
          kernels->add_and_normalise(row.data(), with_added ? added.data() : nullptr,
                                     weight.data(), bias.data(), kEps, width);
          double worst = 0;
          for (int i = 0; i < width; ++i) {
            const double expected = (x[i] - mean) / std::sqrt(variance + kEps) * weight[i] + bias[i];
            worst = std::max(worst, std::fabs(row[i] - expected));
          }
          CHECK(worst < (offset == 0 ? 5e-6 : 1e-4));  // the mean is of the offset's precision
        }
      }
    }
  }
}

TEST_CASE("add_and_normalise gives the bias for a row of equal values") {
  for (const Kernels* kernels : usable_kernels()) {
    INFO(std::string(kernels->name));
    std::vector<float> row(64, 7.0f), weight(64, 3.0f), bias(64, 0.25f);
    kernels->add_and_normalise(row.data(), nullptr, weight.data(), bias.data(), 1e-12f, 64);
    CHECK(row == bias);
  }
}

TEST_CASE("gelu") {
  std::vector<float> inputs;
  for (int i = -40000; i < 40000; ++i) inputs.push_back(static_cast<float>(i) * 5e-4f);
  for (float x = 1e-38f; x < 1e30f; x *= 3.0f) inputs.insert(inputs.end(), {x, -x});
  inputs.resize((inputs.size() + 31) / 32 * 32);
  for (const Kernels* kernels : usable_kernels()) {
    INFO(std::string(kernels->name));
    std::vector<float> row = inputs;
    kernels->gelu(row.data(), static_cast<int>(row.size()));
    double worst = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const double expected = exact_gelu(inputs[i]);
      worst = std::max(worst, std::fabs(row[i] - expected) - 1e-6 * std::fabs(expected));
    }
    CHECK(worst < 1e-6);
  }
}

TEST_CASE("softmax of every width") {
  Random random(3);
  for (const Kernels* kernels : usable_kernels()) {
    for (int width = 1; width <= 512; ++width) {
      INFO(std::string(kernels->name));
      CAPTURE(width);
      check_softmax(*kernels, random.reals(width, -20, 20), 0.125f);
    }
  }
}

TEST_CASE("softmax of extremes") {
  for (const Kernels* kernels : usable_kernels()) {
    INFO(std::string(kernels->name));
    check_softmax(*kernels, std::vector<float>(33, -5e4f), 1.0f);
    check_softmax(*kernels, {1e30f, -1e30f, 0, 1e30f, 2}, 0.5f);
    check_softmax(*kernels, {-3e4f, -2e4f, -1e4f}, 1.0f);
    check_softmax(*kernels, {1e-40f, 0, -1e-40f}, 1.0f);
  }
}

}  // namespace squeezebert::tests
