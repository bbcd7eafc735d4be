#include "model.hpp"

#include <cmath>

#include "random.hpp"

namespace squeezebert::tests {
namespace {

// Weights that int8 and bfloat16 hold exactly: whole numbers with a peak of 127 in each row,
// times a power of two. What precisions differ in are activations alone.
LinearWeights linear(Random& random, int inputs, int outputs, int groups, int kernel) {
  LinearWeights made{inputs, outputs, groups, kernel, {}, random.reals(outputs, -0.5f, 0.5f), {}};
  const int width = inputs / groups;
  const auto scale = static_cast<float>(std::exp2(-std::round(std::log2(70 * std::sqrt(width)))));
  for (int output = 0; output < outputs; ++output) {
    for (int i = 0; i < width; ++i) {
      made.weight.push_back(static_cast<float>(random.whole(-127, 127)) * scale);
    }
    made.weight[output * width + random.whole(0, width - 1)] = 127 * scale;
  }
  if (kernel > 0) made.taps = random.reals(inputs * kernel, -0.7f, 0.7f);
  return made;
}

Norm norm_of(Random& random, int width) {
  return {random.reals(width, 0.5f, 1.5f), random.reals(width, -0.3f, 0.3f)};
}

}  // namespace

std::string Architecture::described() const {
  std::string text = "hidden " + std::to_string(hidden) + ", heads " + std::to_string(heads) +
                     ", intermediate " + std::to_string(intermediate) + ", kernel " +
                     std::to_string(kernel) + ", groups";
  for (const int count : groups) text += " " + std::to_string(count);
  return text;
}

Model::Model(const Architecture& architecture, std::uint32_t seed) : architecture(architecture) {
  Random random(seed);
  const int hidden = architecture.hidden;
  positions = random.reals(kPositions * hidden, -1, 1);
  types = random.reals(kTypes * hidden, -1, 1);
  norm = norm_of(random, hidden);
  if (architecture.word_kind == WordKind::nibbles) {
    make_nibbles(random);
  } else {
    make_integers(random);
  }
  const int wide = architecture.intermediate;
  const std::array<std::pair<int, int>, 6> widths = {
      {{hidden, hidden}, {hidden, hidden}, {hidden, hidden}, {hidden, hidden}, {hidden, wide},
       {wide, hidden}}};
  for (int index = 0; index < architecture.layers; ++index) {
    LayerWeights layer;
    for (int kind = 0; kind < 6; ++kind) {
      layer.linear[kind] = linear(random, widths[kind].first, widths[kind].second,
                                  architecture.groups[kind], architecture.kernel);
    }
    layer.attention_norm = norm_of(random, hidden);
    layer.output_norm = norm_of(random, hidden);
    layers.push_back(std::move(layer));
  }
}

void Model::make_integers(Random& random) {
  for (int word = 0; word < kVocabulary; ++word) {
    word_scales.push_back(random.real(0.005f, 0.02f));
    for (int i = 0; i < architecture.hidden; ++i) {
      integer_words.push_back(static_cast<std::int8_t>(random.whole(-127, 127)));
      words.push_back(static_cast<float>(integer_words.back()) * word_scales.back());
    }
  }
}

void Model::make_nibbles(Random& random) {
  constexpr int half = kBlock / 2;
  for (int block = 0; block < kVocabulary * architecture.hidden / kBlock; ++block) {
    word_scales.push_back(random.real(-0.3f, 0.3f));
    for (int i = 0; i < half; ++i) {
      nibbles.push_back(static_cast<std::uint8_t>(random.whole(0, 255)));
    }
    for (const int shift : {0, 4}) {
      for (auto byte = nibbles.end() - half; byte != nibbles.end(); ++byte) {
        const int integer = ((*byte >> shift) & 15) - 8;
        words.push_back(static_cast<float>(integer) * word_scales.back());
      }
    }
  }
}

WordTable Model::word_table() const {
  WordTable table;
  table.scales = word_scales.data();
  switch (architecture.word_kind) {
    case WordKind::floats:
      return {words.data()};
    case WordKind::integers:
      table.integers = integer_words.data();
      table.blocks = 1;
      break;
    case WordKind::nibbles:
      table.nibbles = nibbles.data();
      table.blocks = architecture.hidden / kBlock;
      break;
  }
  return table;
}

std::unique_ptr<Encoder> Model::encoder(const Kernels& kernels, Precision precision) const {
  auto made = std::make_unique<Encoder>(
      kernels, precision,
      Shape{architecture.hidden, architecture.heads, architecture.intermediate, kEps},
      Embeddings{word_table(), positions.data(), types.data(), norm});
  for (const LayerWeights& layer : layers) {
    const auto packed = [&](int kind) {
      const LinearWeights& from = layer.linear[kind];
      return PositionWise(kernels, precision, from.inputs, from.outputs, from.groups,
                          from.weight.data(), from.bias.data(),
                          from.kernel > 0 ? from.taps.data() : nullptr, from.kernel);
    };
    made->add({packed(0), packed(1), packed(2), packed(3), packed(4), packed(5),
               layer.attention_norm, layer.output_norm});
  }
  return made;
}

Texts::Texts(const std::vector<int>& lengths, std::uint32_t seed) : starts{0} {
  Random random(seed);
  for (const int length : lengths) {
    starts.push_back(starts.back() + length);
    for (int i = 0; i < length; ++i) {
      ids.push_back(random.whole(0, kVocabulary - 1));
      types.push_back(random.whole(0, kTypes - 1));
    }
  }
}

Batch Texts::batch() const {
  return {ids.data(), types.data(), starts.data(), static_cast<int>(starts.size()) - 1};
}

std::vector<float> encode(const Encoder& encoder, const Model& model, const Texts& texts,
                          int threads) {
  std::vector<float> hidden(static_cast<std::size_t>(texts.tokens()) * model.architecture.hidden);
  encoder.encode(texts.batch(), threads, hidden.data());
  return hidden;
}

}  // namespace squeezebert::tests
