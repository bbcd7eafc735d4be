// A SqueezeBERT encoder on packed batches: all sequences back to back, no padding computed.
//
// A batch is cut into tiles of tokens. For the grouped mixer a tile does a whole layer by itself,
// from attention to the next layer's queries, keys and values: only attention looks at other
// tokens, so threads meet once a layer. The separable mixer's convolutions look at neighbours
// before every product, so its threads meet after each; it takes this slower path.
//
// Letters of shapes: T tokens of the batch, H hidden size, I intermediate size, A heads, D channels
// of a head.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "batch.hpp"
#include "buffer.hpp"
#include "kernels.hpp"
#include "layer.hpp"
#include "words.hpp"

namespace squeezebert {

struct Norm {
  std::vector<float> weight, bias;
};

// Tables are the caller's and must outlive the encoder.
struct Embeddings {
  WordTable words;
  const float* positions;
  const float* types;
  Norm norm;
};

struct Layer {
  PositionWise query, key, value, post_attention, intermediate, output;
  Norm attention_norm, output_norm;
};

class Encoder {
 public:
  Encoder(const Kernels& kernels, Precision precision, Shape shape, Embeddings embeddings);
  ~Encoder();

  void add(Layer layer);
  // Writes hidden states [T, H]. May be called from several threads at once.
  void encode(const Batch& batch, int threads, float* hidden) const;

 private:
  struct Workspace;
  class Run;

  const Kernels& kernels_;
  const Precision attention_precision_;
  const Shape shape_;
  const Embeddings embeddings_;
  std::vector<Layer> layers_;
  // One is kept for the next call: fresh memory costs a page fault for every 4 KB.
  // Not a mutex: one that is held when the process forks is never released in the child.
  mutable std::atomic<Workspace*> kept_{nullptr};
};

}  // namespace squeezebert
