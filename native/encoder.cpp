#include "encoder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <span>
#include <utility>

#include "bfloat16.hpp"
#include "pool.hpp"

namespace squeezebert {
namespace {

// Tokens of a tile at most: as many as keep its activations in a second-level cache, since each
// tile reads all weights of a layer.
constexpr int kLargestTile = 64;
// Below this many tokens a tile is not worth a thread's waking.
constexpr int kSmallestTile = 8;
// Scores of queries over their whole sequence that are computed together, at most.
constexpr int kScores = 1 << 14;

// Floats of the widest vector of any instruction set.
constexpr int kWidestVector = 16;

int ceil_divide(int count, int divisor) { return (count + divisor - 1) / divisor; }
int round_up(int count, int multiple) { return ceil_divide(count, multiple) * multiple; }

// What one thread needs for one tile.
struct Scratch {
  Buffer<float> projected;  // [tile, 2H]: keys and values
  Buffer<float> context;     // [tile, H]
  Buffer<float> attended;    // [tile, H]
  Buffer<float> wide;        // [tile, I / chains]
  Buffer<float> mixed;       // [tile, H or I]: after a depthwise convolution
  Buffer<float> scores;      // [queries, keys]
  Buffer<std::byte> operand;
  Buffer<float> scales;
};

// Kept by each thread from tile to tile and call to call.
thread_local Scratch scratch;

// Rows of floats, one for each token of a tile.
struct Rows {
  float* first;
  std::ptrdiff_t stride;

  float* row(int index) const { return first + index * stride; }
  Rows columns(int start) const { return {first + start, stride}; }
};

struct Target {
  const PositionWise& layer;
  Rows result;
};

}  // namespace

struct Encoder::Workspace {
  // Keys and values, each laid out as the panels of a product: for each sequence and head a matrix
  // [D, keys], and one [keys, D].
  struct Memory {
    Buffer<std::byte> keys, values;
  };

  Memory memories[2];     // one is read while the next layer's is written
  Buffer<float> queries;  // [T, H]
  std::vector<std::size_t> key_starts, value_starts;  // of each sequence
  // Of the separable mixer only:
  Buffer<float> context, attended;  // [T, H]
  Buffer<float> wide;               // [T, I]
};

// One call of `encode`.
class Encoder::Run {
 public:
  Run(const Encoder& encoder, Workspace& workspace, const Batch& batch, int threads, float* hidden)
      : encoder_(encoder),
        kernels_(encoder.kernels_),
        attention_(kernels_.products[static_cast<int>(encoder.attention_precision_)]),
        value_bytes_(encoder.attention_precision_ == Precision::bf16 ? 2 : 4),
        shape_(encoder.shape_),
        layers_(encoder.layers_),
        workspace_(workspace),
        batch_(batch),
        tokens_(batch.starts[batch.sequences]),
        hidden_(hidden) {
    const int block = layers_.front().query.product().rows;
    const int most = ceil_divide(tokens_, kSmallestTile);
    threads = std::min(threads, most);
    const int tiles = std::min(most, threads * ceil_divide(tokens_, threads * kLargestTile));
    tile_ = round_up(ceil_divide(tokens_, tiles), block);
    reserve();
    const int layers = static_cast<int>(layers_.size());
    const int count = ceil_divide(tokens_, tile_);
    if (layers_.front().query.kernel() == 0) {
      run_stages(layers + 1, count, threads, [this](int stage, int tile) { grouped(stage, tile); });
    } else {
      run_stages(1 + kSeparableStages * layers, count, threads,
                 [this](int stage, int tile) { separable(stage, tile); });
    }
  }

 private:
  static constexpr int kSeparableStages = 5;

  struct Tile {
    int first, last;  // tokens first..last - 1
    int sequence;     // of the first token

    int count() const { return last - first; }
  };

  void reserve() {
    const std::size_t hidden = shape_.hidden;
    std::size_t keys = 0, values = 0;
    workspace_.key_starts.resize(batch_.sequences);
    workspace_.value_starts.resize(batch_.sequences);
    for (int index = 0; index < batch_.sequences; ++index) {
      workspace_.key_starts[index] = keys;
      workspace_.value_starts[index] = values;
      keys += shape_.heads * keys_bytes(index);
      values += shape_.heads * values_bytes(index);
    }
    for (auto& memory : workspace_.memories) {
      memory.keys.reserve(keys);
      memory.values.reserve(values);
      if (value_bytes_ < sizeof(float)) {
        // Padding of inputs takes part in products; with zeros as the other factor, but not NaNs.
        std::memset(memory.keys.data(), 0, keys);
        std::memset(memory.values.data(), 0, values);
      }
    }
    workspace_.queries.reserve(tokens_ * hidden);
    if (layers_.front().query.kernel() > 0) {
      workspace_.context.reserve(tokens_ * hidden);
      workspace_.attended.reserve(tokens_ * hidden);
      workspace_.wide.reserve(static_cast<std::size_t>(tokens_) * shape_.intermediate);
    }
  }

  // A whole layer for one tile, and what the next layer's attention needs of it.
  void grouped(int stage, int index) {
    const Tile tile = tile_at(index);
    if (stage == 0) {
      embed(tile);
    } else {
      const Layer& layer = layers_[stage - 1];
      const Rows context = local(scratch.context, shape_.hidden);
      const Rows attended = local(scratch.attended, shape_.hidden);
      attend(tile, stage - 1, context);
      after_attention(tile, layer, context, attended);
      const int chains = std::gcd(layer.intermediate.groups(), layer.output.groups());
      const Rows wide = local(scratch.wide, shape_.intermediate / chains);
      for (int chain = 0; chain < chains; ++chain) {
        widen(tile, layer, chain, chains, attended, wide);
        narrow(tile, layer, chain, chains, wide);
      }
      finish(tile, layer, attended);
    }
    if (stage < static_cast<int>(layers_.size())) project(tile, stage);
  }

  // One position-wise layer or the attention for one tile; neighbours may be read.
  void separable(int stage, int index) {
    const Tile tile = tile_at(index);
    if (stage == 0) return embed(tile);
    const int number = (stage - 1) / kSeparableStages;
    const Layer& layer = layers_[number];
    const Rows context = shared(workspace_.context, tile, shape_.hidden);
    const Rows attended = shared(workspace_.attended, tile, shape_.hidden);
    const Rows wide = shared(workspace_.wide, tile, shape_.intermediate);
    switch ((stage - 1) % kSeparableStages) {
      case 0:
        return project(tile, number);
      case 1:
        return attend(tile, number, context);
      case 2:
        return after_attention(tile, layer, context, attended);
      case 3:
        return widen(tile, layer, 0, 1, attended, wide);
      default:
        narrow(tile, layer, 0, 1, wide);
        finish(tile, layer, attended);
    }
  }

  void embed(const Tile& tile) {
    const Embeddings& tables = encoder_.embeddings_;
    const int width = shape_.hidden;
    for_each_sequence(tile, [&](int sequence, int first, int last) {
      for (int token = first; token < last; ++token) {
        float* row = hidden_ + static_cast<std::size_t>(token) * width;
        const std::size_t word = static_cast<std::size_t>(batch_.ids[token]);
        const std::size_t position = token - batch_.starts[sequence];
        std::copy_n(tables.positions + position * width, width, row);
        kernels_.add(row, tables.types + static_cast<std::size_t>(batch_.types[token]) * width,
                     width);
        add_word(kernels_, tables.words, word, width, row);
        normalise(row, nullptr, tables.norm);
      }
    });
  }

  // Queries, keys and values of a tile.
  void project(const Tile& tile, int number) {
    const Layer& layer = layers_[number];
    const Rows hidden = hidden_rows(tile);
    const Rows queries = shared(workspace_.queries, tile, shape_.hidden);
    const Rows keys = local(scratch.projected, 2 * shape_.hidden);
    const Rows values = keys.columns(shape_.hidden);
    const Target targets[] = {{layer.query, queries}, {layer.key, keys}, {layer.value, values}};
    const int groups = layer.query.groups();
    if (layer.query.kernel() == 0 && layer.key.groups() == groups &&
        layer.value.groups() == groups) {
      apply(tile, hidden, targets, 0, groups);
    } else {
      for (const Target& target : targets) {
        apply(tile, mixed(tile, target.layer, hidden), {&target, 1}, 0, target.layer.groups());
      }
    }
    auto& memory = workspace_.memories[number % 2];
    for_each_sequence(tile, [&](int sequence, int first, int last) {
      const int row = first - tile.first;
      remember(memory, sequence, first - batch_.starts[sequence], last - first,
               {keys.row(row), keys.stride}, {values.row(row), values.stride});
    });
  }

  // Bytes of the panels of one head: keys as columns, and values as rows.
  std::size_t keys_bytes(int sequence) const {
    return panels_bytes(shape_.head_width(), length(sequence));
  }
  std::size_t values_bytes(int sequence) const {
    return panels_bytes(length(sequence), shape_.head_width());
  }
  std::size_t panels_bytes(int inputs, int outputs) const {
    return value_bytes_ * attention_.padded_inputs(inputs) *
           round_up(outputs, attention_.columns);
  }

  // Head by head, since the panels of all of them don't fit into a first-level cache.
  void remember(Workspace::Memory& memory, int sequence, int position, int count, Rows keys,
                Rows values) const {
    std::byte* key_panels = memory.keys.data() + workspace_.key_starts[sequence];
    std::byte* value_panels = memory.values.data() + workspace_.value_starts[sequence];
    const int width = shape_.head_width();
    const auto put = [&]<class Value>(Value* keys_to, Value* values_to, int first, auto convert) {
      for (int i = 0; i < count; ++i) {
        put_column(keys_to, position + i, width, keys.row(i) + first, convert);
        put_row(values_to, position + i, length(sequence), width, values.row(i) + first, convert);
      }
    };
    for (int head = 0; head < shape_.heads; ++head) {
      if (value_bytes_ == sizeof(float)) {
        put(reinterpret_cast<float*>(key_panels), reinterpret_cast<float*>(value_panels),
            head * width, [](float number) { return number; });
      } else {
        put(reinterpret_cast<std::uint16_t*>(key_panels),
            reinterpret_cast<std::uint16_t*>(value_panels), head * width, to_bfloat16);
      }
      key_panels += keys_bytes(sequence);
      value_panels += values_bytes(sequence);
    }
  }

  // Writes one column of a matrix in panels, or one row of it; inputs are interleaved to 4 bytes.
  template <class Value, class Convert>
  void put_column(Value* panels, int column, int inputs, const float* from, Convert convert) const {
    constexpr int kInterleave = sizeof(float) / sizeof(Value);
    const int columns = attention_.columns;
    Value* to = panels +
                static_cast<std::size_t>(column / columns) * columns *
                    attention_.padded_inputs(inputs) +
                column % columns * kInterleave;
    for (int input = 0; input < inputs; ++input) {
      to[input / kInterleave * kInterleave * columns + input % kInterleave] = convert(from[input]);
    }
  }
  template <class Value, class Convert>
  void put_row(Value* panels, int row, int inputs, int outputs, const float* from,
               Convert convert) const {
    constexpr int kInterleave = sizeof(float) / sizeof(Value);
    const int columns = attention_.columns;
    const std::size_t panel =
        static_cast<std::size_t>(columns) * attention_.padded_inputs(inputs);
    Value* to = panels + static_cast<std::size_t>(row / kInterleave * kInterleave) * columns +
                row % kInterleave;
    for (int first = 0; first < outputs; first += columns, to += panel) {
      const int count = std::min(columns, outputs - first);
      for (int column = 0; column < count; ++column) {
        to[column * kInterleave] = convert(from[first + column]);
      }
    }
  }

  void attend(const Tile& tile, int number, Rows context) {
    const auto& memory = workspace_.memories[number % 2];
    const Rows queries = shared(workspace_.queries, tile, shape_.hidden);
    for_each_sequence(tile, [&](int sequence, int first, int last) {
      const int step = std::max(attention_.rows, kScores / length(sequence));
      for (int token = first; token < last; token += step) {
        const int at = token - tile.first;
        attend_together(memory, sequence, std::min(step, last - token),
                        {queries.row(at), queries.stride}, {context.row(at), context.stride});
      }
    });
  }

  void attend_together(const Workspace::Memory& memory, int sequence, int count, Rows queries,
                       Rows context) {
    const int width = shape_.head_width();
    const int keys = length(sequence);
    const std::byte* key = memory.keys.data() + workspace_.key_starts[sequence];
    const std::byte* value = memory.values.data() + workspace_.value_starts[sequence];
    scratch.scores.reserve(static_cast<std::size_t>(count) * keys);
    const Rows scores{scratch.scores.data(), keys};
    const float scale = 1.0f / std::sqrt(static_cast<float>(width));
    for (int head = 0; head < shape_.heads; ++head) {
      multiply(queries.columns(head * width), count, key, width, keys, scores);
      for (int row = 0; row < count; ++row) kernels_.softmax(scores.row(row), scale, keys);
      multiply(scores, count, value, keys, width, context.columns(head * width));
      key += keys_bytes(sequence);
      value += values_bytes(sequence);
    }
  }

  void multiply(Rows rows, int count, const std::byte* panels, int inputs, int outputs,
                Rows result) {
    scratch.operand.reserve(attention_.operand_bytes(inputs) * padded_rows(count));
    const Operand operand = attention_.prepare(rows.first, rows.stride, count, inputs,
                                               scratch.operand.data(), nullptr);
    attention_.multiply(operand, count, {panels, nullptr, nullptr, nullptr, inputs, outputs},
                        result.first, result.stride);
  }

  // attended = LayerNorm(post_attention(context) + hidden)
  void after_attention(const Tile& tile, const Layer& layer, Rows context, Rows attended) {
    const Rows hidden = hidden_rows(tile);
    const Target target{layer.post_attention, attended};
    apply(tile, mixed(tile, target.layer, context), {&target, 1}, 0, target.layer.groups());
    for (int row = 0; row < tile.count(); ++row) {
      normalise(attended.row(row), hidden.row(row), layer.attention_norm);
    }
  }

  // The feed-forward is independent between chains of groups: those whose outputs in its first
  // layer are the inputs of groups of its second. One chain at a time stays in the cache.
  void widen(const Tile& tile, const Layer& layer, int chain, int chains, Rows attended,
             Rows wide) {
    const int groups = layer.intermediate.groups() / chains;
    const Target target{layer.intermediate, wide};
    const Rows inputs = mixed(tile, target.layer, attended).columns(chain * shape_.hidden / chains);
    apply(tile, inputs, {&target, 1}, chain * groups, groups);
    // Rows follow one another; what the last vector computes beyond them is never read.
    const int count = tile.count() * (shape_.intermediate / chains);
    kernels_.gelu(wide.first, round_up(count, kWidestVector));
  }

  void narrow(const Tile& tile, const Layer& layer, int chain, int chains, Rows wide) {
    const int groups = layer.output.groups() / chains;
    const Target target{layer.output, hidden_rows(tile).columns(chain * shape_.hidden / chains)};
    apply(tile, mixed(tile, target.layer, wide), {&target, 1}, chain * groups, groups);
  }

  // hidden = LayerNorm(hidden + attended)
  void finish(const Tile& tile, const Layer& layer, Rows attended) {
    const Rows hidden = hidden_rows(tile);
    for (int row = 0; row < tile.count(); ++row) {
      normalise(hidden.row(row), attended.row(row), layer.output_norm);
    }
  }

  // Some groups of layers that read the same rows. Rows and results begin with the columns of the
  // first of these groups.
  void apply(const Tile& tile, Rows rows, std::span<const Target> targets, int first, int groups) {
    const PositionWise& any = targets.front().layer;
    const int inputs = any.group_inputs();
    scratch.operand.reserve(any.product().operand_bytes(inputs) * padded_rows(tile_));
    scratch.scales.reserve(padded_rows(tile_));
    for (int group = 0; group < groups; ++group) {
      const Rows from = rows.columns(group * inputs);
      const Operand operand =
          any.product().prepare(from.first, from.stride, tile.count(), inputs,
                                scratch.operand.data(), scratch.scales.data());
      for (const Target& target : targets) {
        const Rows to = target.result.columns(group * target.layer.group_outputs());
        target.layer.product().multiply(operand, tile.count(), target.layer.panels(first + group),
                                        to.first, to.stride);
      }
    }
  }

  // Rows after the layer's depthwise convolution over each sequence, zero beyond its ends; the
  // rows themselves where it has none.
  Rows mixed(const Tile& tile, const PositionWise& layer, Rows rows) {
    if (layer.kernel() == 0) return rows;
    const int reach = layer.kernel() / 2;
    const Rows result = local(scratch.mixed, layer.inputs());
    for_each_sequence(tile, [&](int sequence, int first, int last) {
      for (int token = first; token < last; ++token) {
        float* to = result.row(token - tile.first);
        std::fill_n(to, layer.inputs(), 0.0f);
        const int begin = std::max(token - reach, batch_.starts[sequence]);
        const int end = std::min(token + reach + 1, batch_.starts[sequence + 1]);
        for (int other = begin; other < end; ++other) {
          kernels_.multiply_add(to, rows.row(other - tile.first), layer.tap(other - token + reach),
                                layer.inputs());
        }
      }
    });
    return result;
  }

  void normalise(float* row, const float* added, const Norm& norm) const {
    kernels_.add_and_normalise(row, added, norm.weight.data(), norm.bias.data(), shape_.norm_eps,
                               shape_.hidden);
  }

  // Calls visit(sequence, first, last) for the tokens of each sequence that are in the tile.
  template <class Visit>
  void for_each_sequence(const Tile& tile, Visit visit) const {
    for (int sequence = tile.sequence, first = tile.first; first < tile.last; ++sequence) {
      const int last = std::min(tile.last, batch_.starts[sequence + 1]);
      visit(sequence, first, last);
      first = last;
    }
  }

  Tile tile_at(int index) const {
    const int first = index * tile_;
    const std::int32_t* after =
        std::upper_bound(batch_.starts, batch_.starts + batch_.sequences, first);
    return {first, std::min(first + tile_, tokens_), static_cast<int>(after - batch_.starts) - 1};
  }

  int length(int sequence) const { return batch_.starts[sequence + 1] - batch_.starts[sequence]; }

  Rows hidden_rows(const Tile& tile) const {
    return {hidden_ + static_cast<std::ptrdiff_t>(tile.first) * shape_.hidden, shape_.hidden};
  }

  static Rows shared(Buffer<float>& buffer, const Tile& tile, int width) {
    return {buffer.data() + static_cast<std::ptrdiff_t>(tile.first) * width, width};
  }

  Rows local(Buffer<float>& buffer, int width) const {
    buffer.reserve(static_cast<std::size_t>(tile_) * width + kWidestVector);
    return {buffer.data(), width};
  }

  const Encoder& encoder_;
  const Kernels& kernels_;
  const Product& attention_;
  const std::size_t value_bytes_;  // of a number in the memory
  const Shape& shape_;
  const std::vector<Layer>& layers_;
  Workspace& workspace_;
  const Batch& batch_;
  const int tokens_;
  float* const hidden_;
  int tile_ = 0;
};

Encoder::Encoder(const Kernels& kernels, Precision precision, Shape shape, Embeddings embeddings)
    : kernels_(kernels),
      attention_precision_(precision != Precision::fp32 && kernels.fast_bf16 ? Precision::bf16
                                                                             : Precision::fp32),
      shape_(shape),
      embeddings_(std::move(embeddings)) {}

Encoder::~Encoder() { delete kept_.load(); }

void Encoder::add(Layer layer) { layers_.push_back(std::move(layer)); }

void Encoder::encode(const Batch& batch, int threads, float* hidden) const {
  if (batch.sequences == 0) return;
  std::unique_ptr<Workspace> workspace(kept_.exchange(nullptr));
  if (!workspace) workspace = std::make_unique<Workspace>();
  Run(*this, *workspace, batch, threads, hidden);
  delete kept_.exchange(workspace.release());
}

}  // namespace squeezebert
