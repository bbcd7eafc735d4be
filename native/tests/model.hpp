// Small encoders of random weights, to be run by the engine and by a plain reference.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "encoder.hpp"

namespace squeezebert::tests {

constexpr int kVocabulary = 40;
constexpr int kPositions = 512;
constexpr int kTypes = 2;
constexpr int kBlock = 8;  // values of a word that share a scale, in 4 bits

enum class WordKind { floats, integers, nibbles };

struct Architecture {
  int hidden, heads, intermediate, layers;
  // Of the queries, keys, values, the layer after attention, and the two of the feed-forward.
  std::array<int, 6> groups;
  int kernel = 0;  // taps of the separable mixer; 0 for the grouped one
  WordKind word_kind = WordKind::integers;

  std::string described() const;
};

class Random;

struct LinearWeights {
  int inputs, outputs, groups, kernel;
  std::vector<float> weight, bias, taps;
};

struct LayerWeights {
  std::array<LinearWeights, 6> linear;
  Norm attention_norm, output_norm;
};

struct Model {
  Model(const Architecture& architecture, std::uint32_t seed);

  // It reads the embeddings of this model, which must outlive it.
  std::unique_ptr<Encoder> encoder(const Kernels& kernels, Precision precision) const;

  Architecture architecture;
  std::vector<std::int8_t> integer_words;
  std::vector<std::uint8_t> nibbles;
  std::vector<float> word_scales, words, positions, types;  // `words` are as floats, in any case
  Norm norm;
  std::vector<LayerWeights> layers;

  static constexpr float kEps = 1e-12f;

 private:
  void make_integers(Random& random);
  void make_nibbles(Random& random);
  WordTable word_table() const;
};

// Sequences of the given lengths, of random words.
struct Texts {
  Texts(const std::vector<int>& lengths, std::uint32_t seed);

  Batch batch() const;
  int tokens() const { return starts.back(); }

  std::vector<std::int32_t> ids, types, starts;
};

// Hidden states [T, H] by the engine.
std::vector<float> encode(const Encoder& encoder, const Model& model, const Texts& texts,
                          int threads);

}  // namespace squeezebert::tests
