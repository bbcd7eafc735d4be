#include "encoder.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "attention.hpp"
#include "pool.hpp"

namespace squeezebert {
namespace {

// Tokens of a tile at most: as many as keep its activations in a second-level cache, since each
// tile reads all weights of a layer.
constexpr int kLargestTile = 64;
// Below this many tokens a tile is not worth a thread's waking.
constexpr int kSmallestTile = 8;
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
  Buffer<std::byte> operand;
  Buffer<float> scales;
};

// Kept by each thread from tile to tile and call to call.
thread_local Scratch scratch;

struct Target {
  const PositionWise& layer;
  Rows result;
};

}  // namespace

struct Encoder::Workspace {
  Attention::Workspace attention;
  Buffer<float> queries;  // [T, H]
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
        shape_(encoder.shape_),
        layers_(encoder.layers_),
        workspace_(workspace),
        batch_(batch),
        attention_(kernels_, encoder.attention_precision_, shape_, batch, workspace.attention),
        tokens_(batch.tokens()),
        hidden_(hidden) {
    const int most = ceil_divide(tokens_, kSmallestTile);
    threads_ = std::min(threads, most);
    const int tiles = std::min(most, threads_ * ceil_divide(tokens_, threads_ * kLargestTile));
    tile_ = round_up(ceil_divide(tokens_, tiles), layers_.front().query.product().rows);
    reserve();
  }

  void run() {
    const int layers = static_cast<int>(layers_.size());
    const int count = ceil_divide(tokens_, tile_);
    if (layers_.front().query.kernel() == 0) {
      run_stages(layers + 1, count, threads_,
                 [this](int stage, int tile) { grouped(stage, tile); });
    } else {
      run_stages(1 + kSeparableStages * layers, count, threads_,
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
    for_each_sequence(tile, [&](int sequence, int first, int last) {
      const int row = first - tile.first;
      attention_.remember(number, sequence, first - batch_.starts[sequence], last - first,
                          keys.rows(row), values.rows(row));
    });
  }

  void attend(const Tile& tile, int number, Rows context) const {
    const Rows queries = shared(workspace_.queries, tile, shape_.hidden);
    for_each_sequence(tile, [&](int sequence, int first, int last) {
      const int row = first - tile.first;
      attention_.attend(number, sequence, last - first, queries.rows(row), context.rows(row));
    });
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
  const Shape& shape_;
  const std::vector<Layer>& layers_;
  Workspace& workspace_;
  const Batch& batch_;
  const Attention attention_;
  const int tokens_;
  float* const hidden_;
  int threads_ = 0;
  int tile_ = 0;  // tokens of one
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
  Run(*this, *workspace, batch, threads, hidden).run();
  delete kept_.exchange(workspace.release());
}

}  // namespace squeezebert
