// What an encoder is asked to do: its shape, a packed batch, and rows of floats within.
#pragma once

#include <cstddef>
#include <cstdint>

namespace squeezebert {

struct Shape {
  int hidden;
  int heads;
  int intermediate;
  float norm_eps;

  int head_width() const { return hidden / heads; }
};

// Borrowed; `starts` has one more entry than there are sequences. The caller has checked that
// sequences are not empty, and that ids and positions exist.
struct Batch {
  const std::int32_t* ids;
  const std::int32_t* types;
  const std::int32_t* starts;
  int sequences;

  int tokens() const { return starts[sequences]; }
  int length(int sequence) const { return starts[sequence + 1] - starts[sequence]; }
};

// Rows of floats, one for each token.
struct Rows {
  float* first;
  std::ptrdiff_t stride;

  float* row(int index) const { return first + index * stride; }
  Rows rows(int start) const { return {row(start), stride}; }
  Rows columns(int start) const { return {first + start, stride}; }
};

}  // namespace squeezebert
