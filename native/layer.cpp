#include "layer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace squeezebert {
namespace {

int round_up(int count, int multiple) { return (count + multiple - 1) / multiple * multiple; }

// The upper half of a float, rounded to nearest, ties to even.
std::uint16_t to_bfloat16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

}  // namespace

PositionWise::PositionWise(const Kernels& kernels, Precision precision, int inputs, int outputs,
                           int groups, const float* weight, const float* bias, const float* taps,
                           int kernel)
    : product_(&kernels.products[static_cast<int>(precision)]),
      inputs_(inputs),
      outputs_(outputs),
      groups_(groups),
      padded_inputs_(round_up(inputs / groups, product_->depth)),
      padded_outputs_(round_up(outputs / groups, product_->columns)) {
  const std::size_t padded = static_cast<std::size_t>(padded_outputs_) * groups;
  biases_.resize(padded);
  for (int group = 0; group < groups; ++group) {
    std::copy_n(bias + group * group_outputs(), group_outputs(),
                biases_.data() + group * padded_outputs_);
  }
  if (taps != nullptr) {
    taps_.resize(static_cast<std::size_t>(inputs) * kernel);
    for (int input = 0; input < inputs; ++input) {
      for (int index = 0; index < kernel; ++index) {
        taps_[static_cast<std::size_t>(index) * inputs + input] = taps[input * kernel + index];
      }
    }
  }
  const std::size_t count = static_cast<std::size_t>(padded_inputs_) * padded_outputs_;
  const std::size_t value_bytes = precision == Precision::int8   ? 1
                                  : precision == Precision::bf16 ? 2
                                                                 : 4;
  group_bytes_ = count * value_bytes;
  values_.reserve(group_bytes_ * groups);
  std::memset(values_.data(), 0, group_bytes_ * groups);
  if (precision == Precision::int8) {
    scales_.resize(padded);
    zero_sums_.resize(padded);
    pack_integers(weight);
  } else {
    pack_floats(weight, precision == Precision::bf16);
  }
}

Panels PositionWise::panels(int group) const {
  const int at = group * padded_outputs_;
  return {values_.data() + group * group_bytes_,
          scales_.empty() ? nullptr : scales_.data() + at,
          biases_.data() + at,
          zero_sums_.empty() ? nullptr : zero_sums_.data() + at,
          group_inputs(),
          group_outputs()};
}

// Calls put(group, position of the value among the group's, row, input) for every weight.
template <class Put>
static void for_each_weight(const Product& product, int groups, int group_inputs,
                            int group_outputs, int padded_inputs, Put put) {
  const int columns = product.columns, interleave = product.interleave;
  for (int group = 0; group < groups; ++group) {
    for (int output = 0; output < group_outputs; ++output) {
      const std::size_t panel =
          static_cast<std::size_t>(output / columns) * columns * padded_inputs;
      const std::size_t column = static_cast<std::size_t>(output % columns) * interleave;
      for (int input = 0; input < group_inputs; ++input) {
        const std::size_t step = static_cast<std::size_t>(input / interleave) * columns * interleave;
        put(group, panel + step + column + input % interleave, group * group_outputs + output,
            input);
      }
    }
  }
}

void PositionWise::pack_integers(const float* weight) {
  const int width = group_inputs();
  std::vector<float> inverses(outputs_);
  for (int output = 0; output < outputs_; ++output) {
    const float* row = weight + static_cast<std::size_t>(output) * width;
    float peak = 0;
    for (int input = 0; input < width; ++input) peak = std::max(peak, std::fabs(row[input]));
    const int at = output / group_outputs() * padded_outputs_ + output % group_outputs();
    scales_[at] = peak / 127.0f;
    inverses[output] = peak > 1e-35f ? 127.0f / peak : 0.0f;
  }
  auto* values = reinterpret_cast<std::int8_t*>(values_.data());
  for_each_weight(*product_, groups_, width, group_outputs(), padded_inputs_,
                  [&](int group, std::size_t position, int output, int input) {
                    const float scaled =
                        weight[static_cast<std::size_t>(output) * width + input] * inverses[output];
                    const auto value = static_cast<std::int8_t>(std::lrintf(scaled));
                    values[group * group_bytes_ + position] = value;
                    zero_sums_[group * padded_outputs_ + output % group_outputs()] += value;
                  });
}

void PositionWise::pack_floats(const float* weight, bool half) {
  const int width = group_inputs();
  for_each_weight(*product_, groups_, width, group_outputs(), padded_inputs_,
                  [&](int group, std::size_t position, int output, int input) {
                    const float value = weight[static_cast<std::size_t>(output) * width + input];
                    std::byte* to = values_.data() + group * group_bytes_;
                    if (half) {
                      reinterpret_cast<std::uint16_t*>(to)[position] = to_bfloat16(value);
                    } else {
                      reinterpret_cast<float*>(to)[position] = value;
                    }
                  });
}

}  // namespace squeezebert
