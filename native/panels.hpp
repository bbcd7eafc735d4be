// Where the values of a matrix [inputs, outputs] lie in the panels that a product reads (kernels.hpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "kernels.hpp"

namespace squeezebert {

class PanelLayout {
 public:
  PanelLayout(const Product& product, int inputs, int outputs)
      : columns_(product.columns),
        inputs_(inputs),
        outputs_(outputs),
        padded_inputs_(product.padded_inputs(inputs)),
        padded_outputs_((outputs + columns_ - 1) / columns_ * columns_) {}

  int padded_inputs() const { return padded_inputs_; }
  int padded_outputs() const { return padded_outputs_; }
  // Values, padding included.
  std::size_t count() const { return static_cast<std::size_t>(padded_inputs_) * padded_outputs_; }

  // Writes all inputs of one output; of the last 4 bytes of them, only those that there are.
  template <class Value, class From, class Convert>
  void put_output(Value* panels, int output, const From* from, Convert convert) const {
    constexpr int kInterleave = kInterleavedBytes / sizeof(Value);
    const std::size_t step = static_cast<std::size_t>(columns_) * kInterleave;
    Value* to = panel(panels, output / columns_) + output % columns_ * kInterleave;
    int input = 0;
    for (; input + kInterleave <= inputs_; input += kInterleave, to += step) {
      Value together[kInterleave];
      for (int i = 0; i < kInterleave; ++i) together[i] = convert(from[input + i]);
      std::memcpy(to, together, kInterleavedBytes);
    }
    for (int i = 0; input + i < inputs_; ++i) to[i] = convert(from[input + i]);
  }

  // Writes all outputs of one input.
  template <class Value, class From, class Convert>
  void put_input(Value* panels, int input, const From* from, Convert convert) const {
    constexpr int kInterleave = kInterleavedBytes / sizeof(Value);
    const std::size_t place =
        static_cast<std::size_t>(input / kInterleave * kInterleave) * columns_ +
        input % kInterleave;
    for (int first = 0; first < outputs_; first += columns_) {
      Value* to = panel(panels, first / columns_) + place;
      const int count = std::min(columns_, outputs_ - first);
      for (int column = 0; column < count; ++column) {
        to[column * kInterleave] = convert(from[first + column]);
      }
    }
  }

 private:
  template <class Value>
  Value* panel(Value* panels, int index) const {
    return panels + static_cast<std::size_t>(index) * columns_ * padded_inputs_;
  }

  int columns_, inputs_, outputs_;
  int padded_inputs_, padded_outputs_;
};

}  // namespace squeezebert
