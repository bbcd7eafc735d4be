// A position-wise layer: a grouped 1x1 convolution with its weights packed for a product, and
// before it, for the separable mixer, a depthwise convolution. Iandola et al. 2020,
// "SqueezeBERT", section 3.
#pragma once

#include <cstdint>
#include <vector>

#include "buffer.hpp"
#include "kernels.hpp"

namespace squeezebert {

class PositionWise {
 public:
  // Packs weights [outputs, inputs / groups]; rows of int8 get scales of their own, which gives
  // back the integers of weights that were quantised by row with a peak of 127, unless the product
  // needs smaller ones. `taps`
  // [inputs, kernel] are those of the depthwise convolution; none without it.
  PositionWise(const Kernels& kernels, Precision precision, int inputs, int outputs, int groups,
               const float* weight, const float* bias, const float* taps, int kernel);

  int inputs() const { return inputs_; }
  int outputs() const { return outputs_; }
  int groups() const { return groups_; }
  int group_inputs() const { return inputs_ / groups_; }
  int group_outputs() const { return outputs_ / groups_; }
  int kernel() const { return static_cast<int>(taps_.size()) / inputs_; }

  const Product& product() const { return *product_; }
  Panels panels(int group) const;
  // Weights of one tap of the depthwise convolution, of every input.
  const float* tap(int index) const { return taps_.data() + static_cast<std::size_t>(index) * inputs_; }

 private:
  // Packed values of a group, and where among all of them the first of a row is.
  std::size_t group_count() const {
    return static_cast<std::size_t>(padded_inputs_) * padded_outputs_;
  }
  std::size_t row_start(int output, int interleave) const;
  void pack_integers(const float* row, int output);
  // Puts a row in its place in the panels.
  template <class Value>
  void place(const Value* row, int output);

  const Product* product_;
  int inputs_, outputs_, groups_;
  int padded_inputs_, padded_outputs_;  // of a group
  std::size_t group_bytes_ = 0;
  Buffer<std::byte> values_;
  std::vector<float> scales_, biases_, taps_;
  std::vector<std::int32_t> zero_sums_;
};

}  // namespace squeezebert
