#include "attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "bfloat16.hpp"

namespace squeezebert {
namespace {

// Scores of queries over their whole sequence that are computed together, at most.
constexpr int kScores = 1 << 14;

// Kept by each thread from call to call.
struct Scratch {
  Buffer<float> scores;  // [queries, keys]
  Buffer<std::byte> operand;
};
thread_local Scratch scratch;

}  // namespace

Attention::Attention(const Kernels& kernels, Precision precision, const Shape& shape,
                     const Batch& batch, Workspace& workspace)
    : kernels_(kernels),
      product_(kernels.products[static_cast<int>(precision)]),
      value_bytes_(precision == Precision::bf16 ? sizeof(std::uint16_t) : sizeof(float)),
      shape_(shape),
      batch_(batch),
      workspace_(workspace) {
  std::size_t keys = 0, values = 0;
  workspace.key_starts.resize(batch.sequences);
  workspace.value_starts.resize(batch.sequences);
  for (int sequence = 0; sequence < batch.sequences; ++sequence) {
    workspace.key_starts[sequence] = keys;
    workspace.value_starts[sequence] = values;
    keys += shape.heads * keys_layout(sequence).count() * value_bytes_;
    values += shape.heads * values_layout(sequence).count() * value_bytes_;
  }
  for (auto& memory : workspace.memories) {
    memory.keys.reserve(keys);
    memory.values.reserve(values);
    if (value_bytes_ < sizeof(float)) {
      // Padding of inputs takes part in products; with zeros as the other factor, but not NaNs.
      std::memset(memory.keys.data(), 0, keys);
      std::memset(memory.values.data(), 0, values);
    }
  }
}

// Head by head, since the panels of all of them don't fit into a first-level cache.
void Attention::remember(int layer, int sequence, int position, int count, Rows keys,
                         Rows values) const {
  auto& memory = workspace_.memories[layer % 2];
  const PanelLayout key_layout = keys_layout(sequence), value_layout = values_layout(sequence);
  const auto put = [&]<class Value>(Value* keys_to, Value* values_to, auto convert) {
    keys_to += workspace_.key_starts[sequence] / sizeof(Value);
    values_to += workspace_.value_starts[sequence] / sizeof(Value);
    for (int head = 0; head < shape_.heads; ++head) {
      const int first = head * shape_.head_width();
      for (int i = 0; i < count; ++i) {
        key_layout.put_output(keys_to, position + i, keys.row(i) + first, convert);
        value_layout.put_input(values_to, position + i, values.row(i) + first, convert);
      }
      keys_to += key_layout.count();
      values_to += value_layout.count();
    }
  };
  std::byte* keys_to = memory.keys.data();
  std::byte* values_to = memory.values.data();
  if (value_bytes_ == sizeof(float)) {
    put(reinterpret_cast<float*>(keys_to), reinterpret_cast<float*>(values_to),
        [](float number) { return number; });
  } else {
    put(reinterpret_cast<std::uint16_t*>(keys_to), reinterpret_cast<std::uint16_t*>(values_to),
        to_bfloat16);
  }
}

void Attention::attend(int layer, int sequence, int count, Rows queries, Rows context) const {
  const auto& memory = workspace_.memories[layer % 2];
  const int step = std::max(product_.rows, kScores / batch_.length(sequence));
  for (int first = 0; first < count; first += step) {
    attend_together(memory, sequence, std::min(step, count - first), queries.rows(first),
                    context.rows(first));
  }
}

void Attention::attend_together(const Workspace::Memory& memory, int sequence, int count,
                                Rows queries, Rows context) const {
  const int width = shape_.head_width();
  const int keys = batch_.length(sequence);
  const std::byte* key = memory.keys.data() + workspace_.key_starts[sequence];
  const std::byte* value = memory.values.data() + workspace_.value_starts[sequence];
  const std::size_t key_bytes = keys_layout(sequence).count() * value_bytes_;
  const std::size_t value_bytes = values_layout(sequence).count() * value_bytes_;
  scratch.scores.reserve(static_cast<std::size_t>(count) * keys);
  const Rows scores{scratch.scores.data(), keys};
  const float scale = 1.0f / std::sqrt(static_cast<float>(width));
  for (int head = 0; head < shape_.heads; ++head) {
    multiply(queries.columns(head * width), count, key, width, keys, scores);
    for (int row = 0; row < count; ++row) kernels_.softmax(scores.row(row), scale, keys);
    multiply(scores, count, value, keys, width, context.columns(head * width));
    key += key_bytes;
    value += value_bytes;
  }
}

void Attention::multiply(Rows rows, int count, const std::byte* panels, int inputs, int outputs,
                         Rows result) const {
  scratch.operand.reserve(product_.operand_bytes(inputs) * padded_rows(count));
  const Operand operand = product_.prepare(rows.first, rows.stride, count, inputs,
                                           scratch.operand.data(), nullptr);
  product_.multiply(operand, count, {panels, nullptr, nullptr, nullptr, inputs, outputs},
                    result.first, result.stride);
}

PanelLayout Attention::keys_layout(int sequence) const {
  return {product_, shape_.head_width(), batch_.length(sequence)};
}

PanelLayout Attention::values_layout(int sequence) const {
  return {product_, batch_.length(sequence), shape_.head_width()};
}

}  // namespace squeezebert
