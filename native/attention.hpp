// Attention within each sequence of a packed batch. Keys and values of a layer are remembered as
// the panels of products, so that attending is a product with the keys, a softmax, and a product
// with the values.
//
// Letters of shapes: T tokens of the batch, A heads, D channels of a head.
#pragma once

#include <cstddef>
#include <vector>

#include "batch.hpp"
#include "buffer.hpp"
#include "kernels.hpp"
#include "panels.hpp"

namespace squeezebert {

class Attention {
 public:
  // What is kept from call to call.
  struct Workspace {
    // For each sequence and head a matrix [D, keys], and one [keys, D].
    struct Memory {
      Buffer<std::byte> keys, values;
    };
    Memory memories[2];  // one is read while the next layer's is written
    std::vector<std::size_t> key_starts, value_starts;  // of each sequence
  };

  // `precision`, of keys and values, is bf16 or fp32. Makes room for all of the batch.
  Attention(const Kernels& kernels, Precision precision, const Shape& shape, const Batch& batch,
            Workspace& workspace);

  // Takes keys and values [count, A * D] of tokens that follow one another in a sequence, the first
  // of them at `position`.
  void remember(int layer, int sequence, int position, int count, Rows keys, Rows values) const;

  // context [count, A * D] of queries [count, A * D] from one sequence.
  void attend(int layer, int sequence, int count, Rows queries, Rows context) const;

 private:
  PanelLayout keys_layout(int sequence) const;
  PanelLayout values_layout(int sequence) const;
  void attend_together(const Workspace::Memory& memory, int sequence, int count, Rows queries,
                       Rows context) const;
  void multiply(Rows rows, int count, const std::byte* panels, int inputs, int outputs,
                Rows result) const;

  const Kernels& kernels_;
  const Product& product_;
  const std::size_t value_bytes_;
  const Shape& shape_;
  const Batch& batch_;
  Workspace& workspace_;
};

}  // namespace squeezebert
