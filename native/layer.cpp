#include "layer.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <numeric>

#include "bfloat16.hpp"

namespace squeezebert {
namespace {

float largest_magnitude(const float* row, int width) {
  // Floats without their signs are in the order of their bits, of which compilers make vectors.
  std::int32_t bits = 0;
  for (int i = 0; i < width; ++i) {
    bits = std::max(bits, std::bit_cast<std::int32_t>(row[i]) & 0x7fffffff);
  }
  return std::bit_cast<float>(bits);
}

// Whole numbers nearest to row * factor.
void quantise(const float* row, float factor, int width, std::int8_t* to) {
  for (int i = 0; i < width; ++i) {
    // Adding 1.5 * 2^23 leaves the nearest whole number in the low bits.
    to[i] = static_cast<std::int8_t>(
        std::bit_cast<std::int32_t>(row[i] * factor + 12582912.0f) - 0x4b400000);
  }
}

}  // namespace

PositionWise::PositionWise(const Kernels& kernels, Precision precision, int inputs, int outputs,
                           int groups, const float* weight, const float* bias, const float* taps,
                           int kernel)
    : product_(&kernels.products[static_cast<int>(precision)]),
      inputs_(inputs),
      outputs_(outputs),
      groups_(groups),
      layout_(*product_, inputs / groups, outputs / groups) {
  const std::size_t padded = static_cast<std::size_t>(layout_.padded_outputs()) * groups;
  biases_.resize(padded);
  for (int group = 0; group < groups; ++group) {
    std::copy_n(bias + group * group_outputs(), group_outputs(),
                biases_.data() + group * layout_.padded_outputs());
  }
  if (taps != nullptr) {
    taps_.resize(static_cast<std::size_t>(inputs) * kernel);
    for (int input = 0; input < inputs; ++input) {
      for (int index = 0; index < kernel; ++index) {
        taps_[static_cast<std::size_t>(index) * inputs + input] = taps[input * kernel + index];
      }
    }
  }
  const std::size_t value_bytes = precision == Precision::int8   ? 1
                                  : precision == Precision::bf16 ? 2
                                                                 : 4;
  group_bytes_ = layout_.count() * value_bytes;
  values_.reserve(group_bytes_ * groups);
  std::memset(values_.data(), 0, group_bytes_ * groups);
  if (precision == Precision::int8) {
    scales_.resize(padded);
    zero_sums_.resize(padded);
  }
  for (int output = 0; output < outputs; ++output) {
    const float* row = weight + static_cast<std::size_t>(output) * group_inputs();
    switch (precision) {
      case Precision::int8:
        pack_integers(row, output);
        break;
      case Precision::bf16:
        place<std::uint16_t>(row, output, to_bfloat16);
        break;
      case Precision::fp32:
        place<float>(row, output, std::identity{});
    }
  }
}

Panels PositionWise::panels(int group) const {
  const int at = group * layout_.padded_outputs();
  return {values_.data() + group * group_bytes_,
          scales_.empty() ? nullptr : scales_.data() + at,
          biases_.data() + at,
          zero_sums_.empty() ? nullptr : zero_sums_.data() + at,
          group_inputs(),
          group_outputs()};
}

template <class Value, class From, class Convert>
void PositionWise::place(const From* row, int output, Convert convert) {
  std::byte* group = values_.data() + output / group_outputs() * group_bytes_;
  layout_.put_output(reinterpret_cast<Value*>(group), output % group_outputs(), row, convert);
}

void PositionWise::pack_integers(const float* row, int output) {
  const int width = group_inputs();
  const float peak = largest_magnitude(row, width);
  const float factor = peak > 1e-30f ? 127.0f / peak : 0.0f;
  std::vector<std::int8_t> integers(layout_.padded_inputs());
  quantise(row, factor, width, integers.data());
  float less = 1;
  if (product_->weights_factor != nullptr) {
    less = product_->weights_factor(integers.data(), width);
    if (less < 1) quantise(row, factor * less, width, integers.data());
  }
  place<std::int8_t>(integers.data(), output, std::identity{});
  const int at = output / group_outputs() * layout_.padded_outputs() + output % group_outputs();
  scales_[at] = peak / (127.0f * less);
  zero_sums_[at] = std::accumulate(integers.begin(), integers.end(), 0);
}

}  // namespace squeezebert
