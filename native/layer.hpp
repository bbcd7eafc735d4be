// A position-wise layer: a grouped 1x1 convolution with its weights packed for a product, and
// before it, for the separable mixer, a depthwise convolution. Iandola et al. 2020,
// "SqueezeBERT", section 3.
#pragma once

#include <cstdint>
#include <vector>

#include "buffer.hpp"
#include "kernels.hpp"
#include "panels.hpp"

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
  void pack_integers(const float* row, int output);
  // Puts the weights of an output in their place in the panels of its group.
  template <class Value, class From, class Convert>
  void place(const From* row, int output, Convert convert);

  const Product* product_;
  int inputs_, outputs_, groups_;
  PanelLayout layout_;  // of a group
  std::size_t group_bytes_ = 0;
  Buffer<std::byte> values_;
  std::vector<float> scales_, biases_, taps_;
  std::vector<std::int32_t> zero_sums_;
};

}  // namespace squeezebert
