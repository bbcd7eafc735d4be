// Products of every instruction set at every precision, from float rows and packed weights to
// results, against sums in double precision.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "layer.hpp"
#include "machine.hpp"
#include "random.hpp"

namespace squeezebert::tests {
namespace {

constexpr Precision kEvery[kPrecisions] = {Precision::int8, Precision::bf16, Precision::fp32};
const char* const kNames[kPrecisions] = {"int8", "bf16", "fp32"};

struct Size {
  int rows, inputs, outputs, groups;
};

// Widths of groups that models have, and those around the blocks of kernels.
const std::vector<int> kInputs = {1,  2,  3,  4,  5,  7,   8,   15,  16,  17,  24,  31,   32,  33,
                                  48, 63, 64, 65, 68, 96,  127, 128, 192, 384, 768, 1536, 3072};
const std::vector<int> kOutputs = {1, 2, 7, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 96, 100, 192};

std::vector<Size> sizes() {
  Random random(4);
  std::vector<Size> all;
  for (const int inputs : kInputs) {
    for (int i = 0; i < 4; ++i) {
      all.push_back({random.whole(1, 40), inputs, random.one_of(kOutputs), random.whole(1, 3)});
    }
  }
  for (int rows = 1; rows <= 100; ++rows) {
    all.push_back({rows, random.whole(1, 80), random.one_of(kOutputs), 1});
  }
  return all;
}

// A layer of random weights, and a product with it of rows that lie apart, as those of a group do.
struct Case {
  static constexpr int kApart = 5;
  static constexpr float kUntouched = -12345.0f;

  const Kernels& kernels;
  Precision precision;
  Size size;
  std::vector<float> weight, bias;
  PositionWise layer;
  std::vector<double> held;  // the weights as they were packed; int8 rounds them

  Case(const Kernels& kernels, Precision precision, Size size, std::vector<float> weight,
       std::vector<float> bias)
      : kernels(kernels),
        precision(precision),
        size(size),
        weight(std::move(weight)),
        bias(std::move(bias)),
        layer(kernels, precision, size.inputs * size.groups, size.outputs * size.groups,
              size.groups, this->weight.data(), this->bias.data(), nullptr, 0),
        held(this->weight.begin(), this->weight.end()) {
    if (precision == Precision::int8) held = held_integers();
  }

  std::vector<double> held_integers() const {
    const Product& product = layer.product();
    const int columns = product.columns, padded = product.padded_inputs(size.inputs);
    std::vector<double> all;
    for (int group = 0; group < size.groups; ++group) {
      const Panels panels = layer.panels(group);
      const auto* values = reinterpret_cast<const std::int8_t*>(panels.values);
      for (int output = 0; output < size.outputs; ++output) {
        const int within = output % columns;
        const int panel = (output - within) * padded;
        for (int input = 0; input < size.inputs; ++input) {
          const int part = input % kInterleavedBytes;
          const int at = panel + (input - part) * columns + within * kInterleavedBytes + part;
          all.push_back(double{panels.scales[output]} * values[at]);
        }
      }
    }
    return all;
  }

  struct Result {
    std::vector<float> values;  // [rows, outputs], each row `kApart` floats more
    std::vector<float> scales;  // of the rows, for int8
  };

  Result multiply(const std::vector<float>& rows, int group) const {
    const Product& product = layer.product();
    const int count = static_cast<int>(rows.size()) / (size.inputs + kApart);
    const std::ptrdiff_t stride = size.outputs + kApart;
    Buffer<std::byte> room(product.operand_bytes(size.inputs) * padded_rows(count));
    Result result{std::vector<float>(count * stride, kUntouched), std::vector<float>(count)};
    const Operand operand =
        product.prepare(rows.data(), size.inputs + kApart, count, size.inputs, room.data(),
                        result.scales.data());
    product.multiply(operand, count, layer.panels(group), result.values.data(), stride);
    for (int row = 0; row < count; ++row) {
      for (int i = size.outputs; i < stride; ++i) {
        CHECK_EQ(result.values[row * stride + i], kUntouched);
      }
    }
    return result;
  }

  float result(const Result& of, int row, int output) const {
    return of.values[row * (size.outputs + kApart) + output];
  }
};

std::string described(const Case& c) {
  return std::string(c.kernels.name) + " " + kNames[static_cast<int>(c.precision)] + " " +
         std::to_string(c.size.rows) + " x " + std::to_string(c.size.inputs) + " x " +
         std::to_string(c.size.outputs) + ", groups " + std::to_string(c.size.groups);
}

// Largest magnitude of an activation that the kernels quantise to.
int limit_of(const Case& c) {
  std::vector<float> ones(c.size.inputs + Case::kApart, 1.0f);
  return static_cast<int>(std::lround(1.0f / c.multiply(ones, 0).scales[0]));
}

// Whole numbers as weights, of which int8 loses nothing where the product takes all of its bits: the
// peak of each row is 127.
std::vector<float> whole_weights(Random& random, const Size& size, int most) {
  std::vector<float> weight(static_cast<std::size_t>(size.outputs) * size.groups * size.inputs);
  for (float& value : weight) value = static_cast<float>(random.whole(-most, most));
  for (std::size_t row = 0; row < weight.size(); row += size.inputs) {
    weight[row + random.whole(0, size.inputs - 1)] = random.whole(0, 1) ? most : -most;
  }
  return weight;
}

float to_bfloat16(float value) {
  const int exponent = std::ilogb(value) - 7;
  return value == 0 ? 0 : static_cast<float>(std::ldexp(std::nearbyint(std::ldexp(value, -exponent)), exponent));
}

// Checks rows of any kind: no result is further from the exact one than roundings explain.
void check_bounds(const Case& c, const std::vector<float>& rows) {
  INFO(described(c));
  const bool integers = c.precision == Precision::int8, halves = c.precision == Precision::bf16;
  const bool halved_rows = halves && c.layer.product().operand_bytes(c.size.inputs) > 0;
  const int count = static_cast<int>(rows.size()) / (c.size.inputs + Case::kApart);
  for (int group = 0; group < c.size.groups; ++group) {
    const auto result = c.multiply(rows, group);
    double worst = 0;
    for (int row = 0; row < count; ++row) {
      const float* x = rows.data() + row * (c.size.inputs + Case::kApart);
      for (int output = 0; output < c.size.outputs; ++output) {
        const int at = group * c.size.outputs + output;
        const double* w = c.held.data() + static_cast<std::size_t>(at) * c.size.inputs;
        double expected = c.bias[at], magnitude = std::fabs(expected), weights = 0;
        for (int i = 0; i < c.size.inputs; ++i) {
          const double weight = halves ? to_bfloat16(static_cast<float>(w[i])) : w[i];
          const double product = (halved_rows ? to_bfloat16(x[i]) : x[i]) * weight;
          expected += product;
          magnitude += std::fabs(product);
          weights += std::fabs(weight);
        }
        // Every sum and product rounds once; tiles flush what is below the normal numbers.
        double bound = (c.size.inputs + 2) * 0x1p-24 * magnitude + c.size.inputs * 1e-37 * (1 + weights);
        if (integers) {
          const float peak = std::fabs(*std::max_element(
              x, x + c.size.inputs, [](float a, float b) { return std::fabs(a) < std::fabs(b); }));
          bound += weights * (peak > 1e-30f ? 0.501 * result.scales[row] : peak);
        }
        worst = std::max(worst, std::fabs(c.result(result, row, output) - expected) / (bound + 1e-38));
      }
    }
    CHECK(worst <= 1);
  }
}

}  // namespace

TEST_CASE("whole numbers give exact products") {
  Random random(5);
  for (const Kernels* kernels : usable_kernels()) {
    for (const Precision precision : kEvery) {
      const bool integers = precision == Precision::int8;
      for (const Size& size : sizes()) {
        std::vector<float> biases(size.outputs * size.groups);
        for (float& bias : biases) bias = static_cast<float>(random.whole(-9, 9));
        // Small enough for a float to hold every sum.
        const Case c(*kernels, precision, size, whole_weights(random, size, integers ? 127 : 15),
                     std::move(biases));
        INFO(described(c));
        const int limit = integers ? limit_of(c) : 15;
        CHECK(limit >= (integers ? 127 : 15));
        const int width = size.inputs + Case::kApart;
        std::vector<float> rows(size.rows * width);
        for (float& value : rows) value = static_cast<float>(random.whole(-limit, limit));
        for (int row = 0; row < size.rows; ++row) {
          rows[row * width + random.whole(0, size.inputs - 1)] = random.whole(0, 1) ? limit : -limit;
        }
        double worst = 0;
        for (int group = 0; group < size.groups; ++group) {
          const auto result = c.multiply(rows, group);
          for (int row = 0; row < size.rows; ++row) {
            for (int output = 0; output < size.outputs; ++output) {
              const int at = group * size.outputs + output;
              double sum = 0;
              for (int i = 0; i < size.inputs; ++i) {
                sum += double{rows[row * width + i]} *
                       c.held[static_cast<std::size_t>(at) * size.inputs + i];
              }
              // Integers are exact, their scaling to floats rounds four times.
              const double bound = integers ? 0x1p-22 * std::fabs(sum) + 1e-5 : 0;
              worst = std::max(worst, std::fabs(c.result(result, row, output) - sum - c.bias[at]) - bound);
            }
          }
        }
        CHECK(worst <= 0);
      }
    }
  }
}

TEST_CASE("products of real numbers are as near as their roundings let them") {
  Random random(6);
  for (const Kernels* kernels : usable_kernels()) {
    for (const Precision precision : kEvery) {
      for (const int inputs : kInputs) {
        const Size size{9, inputs, random.one_of(kOutputs), 1};
        // Whole weights again: what is tested is what happens to the rows.
        Case c(*kernels, precision, size, whole_weights(random, size, 127),
               random.reals(size.outputs, -1, 1));
        const int width = inputs + Case::kApart;
        std::vector<float> rows = random.reals(size.rows * width, -1, 1);
        const float factors[] = {1, 0, 1e-20f, 1e-33f, 1e-40f, 1e20f, 1e30f, 3e-38f, 100};
        for (int row = 0; row < size.rows; ++row) {
          for (int i = 0; i < width; ++i) rows[row * width + i] *= factors[row];
        }
        check_bounds(c, rows);
      }
    }
  }
}

TEST_CASE("weights of any size are packed to the nearest value") {
  Random random(7);
  for (const Kernels* kernels : usable_kernels()) {
    for (const Precision precision : {Precision::bf16, Precision::fp32}) {
      for (const float most : {1.0f, 1e-30f, 1e30f}) {
        const Size size{3, 37, 50, 2};
        const Case c(*kernels, precision, size, random.reals(37 * 100, -most, most),
                     random.reals(100, -most, most));
        check_bounds(c, random.reals(3 * (37 + Case::kApart), -1, 1));
      }
    }
    for (const float most : {1.0f, 1e-25f, 1e25f, 0.0f}) {
      const Case c(*kernels, Precision::int8, {1, 24, 33, 1}, random.reals(24 * 33, -most, most),
                   std::vector<float>(33));
      // Four equal weights that meet in 16 bits lose two bits.
      const float coarsest = c.layer.product().weights_factor == nullptr ? 1 : 508.0f / 126;
      INFO(std::string(kernels->name));
      CAPTURE(most);
      for (int output = 0; output < 33; ++output) {
        const float* weight = c.weight.data() + output * 24;
        const auto [low, high] = std::minmax_element(weight, weight + 24);
        const float step = c.layer.panels(0).scales[output];
        CHECK(step <= std::max(-*low, *high) / 127 * coarsest * 1.001f);
        double worst = 0;
        for (int i = 0; i < 24; ++i) {
          worst = std::max<double>(worst, std::fabs(c.held[output * 24 + i] - weight[i]));
        }
        CHECK(worst <= step * 0.501);
      }
    }
  }
}

TEST_CASE("sums of the largest weights and activations don't overflow") {
  for (const Kernels* kernels : usable_kernels()) {
    // Signs of eight weights, and of rows of activations all of the largest magnitude.
    for (int signs = 0; signs < 256; ++signs) {
      const Size size{2, 3072, 1, 1};
      std::vector<float> weight(size.inputs);
      for (int i = 0; i < size.inputs; ++i) weight[i] = signs >> i % 8 & 1 ? 127.0f : -127.0f;
      const Case c(*kernels, Precision::int8, size, weight, {0});
      std::vector<float> rows(2 * (size.inputs + Case::kApart), 127.0f);
      std::fill(rows.begin() + size.inputs + Case::kApart, rows.end(), -127.0f);
      const auto result = c.multiply(rows, 0);
      double sum = 0;
      for (const double held : c.held) sum += 127.0 * held;
      INFO(described(c));
      CHECK(std::fabs(c.result(result, 0, 0) - sum) <= 0x1p-22 * std::fabs(sum));
      CHECK(std::fabs(c.result(result, 1, 0) + sum) <= 0x1p-22 * std::fabs(sum));
    }
  }
}

TEST_CASE("rows of zeros give the biases") {
  Random random(8);
  for (const Kernels* kernels : usable_kernels()) {
    for (const Precision precision : kEvery) {
      const Size size{20, 68, 100, 1};
      const Case c(*kernels, precision, size, random.reals(68 * 100, -1, 1),
                   random.reals(100, -1, 1));
      INFO(described(c));
      const auto result = c.multiply(std::vector<float>(20 * (68 + Case::kApart)), 0);
      for (int row = 0; row < size.rows; ++row) {
        for (int output = 0; output < size.outputs; ++output) {
          CHECK_EQ(c.result(result, row, output), c.bias[output]);
        }
      }
    }
  }
}

TEST_CASE("a row's result does not depend on its block") {
  Random random(9);
  for (const Kernels* kernels : usable_kernels()) {
    for (const Precision precision : kEvery) {
      const Size size{67, 96, 72, 1};
      const Case c(*kernels, precision, size, random.reals(96 * 72, -1, 1),
                   random.reals(72, -1, 1));
      INFO(described(c));
      const int width = size.inputs + Case::kApart;
      const std::vector<float> rows = random.reals(size.rows * width, -1, 1);
      const auto together = c.multiply(rows, 0);
      for (int count = 1; count <= 40; ++count) {
        const int first = random.whole(0, size.rows - count);
        const auto apart = c.multiply({rows.begin() + first * width,
                                       rows.begin() + (first + count) * width}, 0);
        for (int row = 0; row < count; ++row) {
          for (int output = 0; output < size.outputs; ++output) {
            CHECK_EQ(c.result(apart, row, output), c.result(together, first + row, output));
          }
        }
      }
    }
  }
}

TEST_CASE("AMX rounds rows to the nearest bfloat16, ties to even") {
  for (const Kernels* kernels : usable_kernels()) {
    const Product& product = kernels->products[static_cast<int>(Precision::bf16)];
    if (product.operand_bytes(2) == 0) continue;  // takes floats as they are
    Random random(10);
    std::vector<float> row;
    for (int i = 0; i < 999; ++i) {
      row.push_back(std::ldexp(random.real(-1, 1), random.whole(-100, 100)));
      row.push_back(std::bit_cast<float>(0x3f808000u + 0x10000u * i));  // halfway between two
    }
    row.push_back(0);
    const int width = static_cast<int>(row.size());
    Buffer<std::byte> room(product.operand_bytes(width) * padded_rows(1));
    const Operand operand = product.prepare(row.data(), width, 1, width, room.data(), nullptr);
    for (int i = 0; i < width; ++i) {
      const auto bits = reinterpret_cast<const std::uint16_t*>(operand.rows)[i];
      CHECK_EQ(std::bit_cast<float>(std::uint32_t{bits} << 16), to_bfloat16(row[i]));
    }
  }
}

}  // namespace squeezebert::tests
