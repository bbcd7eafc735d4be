// The Python module `squeezebert.runtime._native`. What its arguments mean is checked by
// `squeezebert.runtime.native_engine` and `depthwise`; here, only that arrays are as large as they must be.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "depthwise.hpp"
#include "encoder.hpp"
#include "machine.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace squeezebert {
namespace {

template <class Value>
using Vector = nb::ndarray<const Value, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class Value>
using Matrix = nb::ndarray<const Value, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// Weight [outputs, inputs / groups], bias, groups, and taps [inputs, kernel] of a depthwise layer.
using Weights = std::tuple<Matrix<float>, Vector<float>, int, std::optional<Matrix<float>>>;
using NormWeights = std::pair<Vector<float>, Vector<float>>;

void require(bool fits, const char* what) {
  if (!fits) throw std::invalid_argument(what);
}

const Kernels& kernels_named(const std::string& name) {
  for (const Kernels* kernels : usable_kernels()) {
    if (name == kernels->name) return *kernels;
  }
  throw std::invalid_argument("this machine lacks the instruction set " + name);
}

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const Kernels* kernels : usable_kernels()) names.emplace_back(kernels->name);
  return names;
}

Precision precision_named(const std::string& name) {
  if (name == "int8") return Precision::int8;
  if (name == "bf16") return Precision::bf16;
  require(name == "fp32", "the precision is not int8, bf16 or fp32");
  return Precision::fp32;
}

// A dense layer in float32: one group of a position-wise layer.
class PythonLinear {
 public:
  PythonLinear(const std::string& instruction_set, const Matrix<float>& weight,
               const Vector<float>& bias)
      : layer_(layer(kernels_named(instruction_set), weight, bias)) {}

  // result [rows, outputs] = rows [rows, inputs] * weight + bias
  void apply(const Matrix<float>& rows,
             nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu> result) const {
    const int count = static_cast<int>(rows.shape(0));
    require(rows.shape(1) == static_cast<std::size_t>(layer_.inputs()) &&
                result.shape(0) == rows.shape(0) &&
                result.shape(1) == static_cast<std::size_t>(layer_.outputs()),
            "rows or results of a dense layer have the wrong shape");
    const nb::gil_scoped_release release;
    const Product& product = layer_.product();
    const Operand operand =
        product.prepare(rows.data(), layer_.inputs(), count, layer_.inputs(), nullptr, nullptr);
    product.multiply(operand, count, layer_.panels(0), result.data(), layer_.outputs());
  }

 private:
  static PositionWise layer(const Kernels& kernels, const Matrix<float>& weight,
                            const Vector<float>& bias) {
    require(weight.shape(0) == bias.size() && weight.shape(1) > 0 && bias.size() > 0,
            "weights of a dense layer have the wrong shape");
    return {kernels,       Precision::fp32, static_cast<int>(weight.shape(1)),
            static_cast<int>(weight.shape(0)), 1, weight.data(), bias.data(), nullptr, 0};
  }

  const PositionWise layer_;
};

template <class Value>
using Tokens = nb::ndarray<Value, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

PaddedTexts texts_of(const Tokens<const float>& x, const Matrix<float>& taps,
               const std::optional<Matrix<float>>& is_token) {
  require(x.shape(2) % kChannelMultiple == 0 && taps.shape(1) == x.shape(2) &&
              taps.shape(0) % 2 == 1 &&
              (!is_token || (is_token->shape(0) == x.shape(0) && is_token->shape(1) == x.shape(1))),
          "arrays of a convolution don't fit together");
  return {static_cast<int>(x.shape(0)), static_cast<int>(x.shape(1)), static_cast<int>(x.shape(2)),
          static_cast<int>(taps.shape(0)), is_token ? is_token->data() : nullptr};
}

template <class First, class Second>
bool same_shape(const First& first, const Second& second) {
  for (std::size_t axis = 0; axis < first.ndim(); ++axis) {
    if (first.shape(axis) != second.shape(axis)) return false;
  }
  return true;
}

void python_convolve(const std::string& instruction_set, const Tokens<const float>& x,
                     const Matrix<float>& taps, const std::optional<Matrix<float>>& is_token,
                     int threads, const Tokens<float>& y) {
  const PaddedTexts texts = texts_of(x, taps, is_token);
  require(same_shape(x, y), "the result of a convolution has the wrong shape");
  const Kernels& kernels = kernels_named(instruction_set);
  const nb::gil_scoped_release release;
  convolve(kernels, texts, x.data(), taps.data(), threads, y.data());
}

void python_convolve_backward(
    const std::string& instruction_set, const Tokens<const float>& x, const Matrix<float>& taps,
    const std::optional<Matrix<float>>& is_token, const Tokens<const float>& dy, int threads,
    const std::optional<Tokens<float>>& dx,
    const std::optional<nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>>& dtaps) {
  const PaddedTexts texts = texts_of(x, taps, is_token);
  require(same_shape(x, dy) && (!dx || same_shape(x, *dx)) && (!dtaps || same_shape(taps, *dtaps)),
          "a gradient of a convolution has the wrong shape");
  const Kernels& kernels = kernels_named(instruction_set);
  const nb::gil_scoped_release release;
  convolve_backward(kernels, texts, x.data(), taps.data(), dy.data(), threads,
                    dx ? dx->data() : nullptr, dtaps ? dtaps->data() : nullptr);
}

// Of 8 bits, two of 4 bits in a byte, or floats.
using Words = std::variant<Matrix<std::int8_t>, Matrix<std::uint8_t>, Matrix<float>>;

class PythonEncoder {
 public:
  PythonEncoder(const std::string& instruction_set, const std::string& precision, int hidden,
                int heads, int intermediate, float norm_eps,
                Words words, std::optional<Matrix<float>> word_scales, Matrix<float> positions,
                Matrix<float> types, const NormWeights& norm)
      : kernels_(kernels_named(instruction_set)),
        precision_(precision_named(precision)),
        shape_{hidden, heads, intermediate, norm_eps},
        words_(std::move(words)),
        word_scales_(std::move(word_scales)),
        positions_(std::move(positions)),
        types_(std::move(types)),
        encoder_(kernels_, precision_, shape_, embeddings(norm)) {}

  void add_layer(const Weights& query, const Weights& key, const Weights& value,
                 const Weights& post_attention, const Weights& intermediate, const Weights& output,
                 const NormWeights& attention_norm, const NormWeights& output_norm) {
    const int narrow = shape_.hidden, wide = shape_.intermediate;
    encoder_.add({position_wise(query, narrow, narrow), position_wise(key, narrow, narrow),
                  position_wise(value, narrow, narrow), position_wise(post_attention, narrow, narrow),
                  position_wise(intermediate, narrow, wide), position_wise(output, wide, narrow),
                  norm_of(attention_norm), norm_of(output_norm)});
  }

  void encode(const Vector<std::int32_t>& ids, const Vector<std::int32_t>& types,
              const Vector<std::int32_t>& starts, int threads,
              nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu> hidden) const {
    require(types.size() == ids.size() && hidden.shape(0) == ids.size() &&
                hidden.shape(1) == static_cast<std::size_t>(shape_.hidden) && starts.size() > 0,
            "arrays of a batch don't fit together");
    const nb::gil_scoped_release release;
    encoder_.encode({ids.data(), types.data(), starts.data(), static_cast<int>(starts.size()) - 1},
                    threads, hidden.data());
  }

 private:
  Embeddings embeddings(const NormWeights& norm) const {
    const auto has_width = [](const auto& table, int width) {
      return table.shape(1) == static_cast<std::size_t>(width);
    };
    const int in_a_byte = std::holds_alternative<Matrix<std::uint8_t>>(words_) ? 2 : 1;
    require(has_width(positions_, shape_.hidden) && has_width(types_, shape_.hidden) &&
                std::visit([&](const auto& words) {
                  return has_width(words, shape_.hidden / in_a_byte);
                }, words_),
            "an embedding table has the wrong width");
    return {word_table(), positions_.data(), types_.data(), norm_of(norm)};
  }

  WordTable word_table() const {
    WordTable table;
    if (const auto* floats = std::get_if<Matrix<float>>(&words_)) {
      table.floats = floats->data();
      return table;
    }
    const auto rows = std::visit([](const auto& words) { return words.shape(0); }, words_);
    require(word_scales_ && word_scales_->shape(0) == rows,
            "integer embeddings need scales for each row");
    table.scales = word_scales_->data();
    table.blocks = static_cast<int>(word_scales_->shape(1));
    if (const auto* integers = std::get_if<Matrix<std::int8_t>>(&words_)) {
      require(table.blocks == 1, "embeddings of 8 bits need one scale for each row");
      table.integers = integers->data();
    } else {
      require(table.blocks > 0 && shape_.hidden % (2 * table.blocks) == 0,
              "blocks of embeddings of 4 bits have the wrong size");
      table.nibbles = std::get<Matrix<std::uint8_t>>(words_).data();
    }
    return table;
  }

  PositionWise position_wise(const Weights& weights, int inputs, int outputs) const {
    const auto& [weight, bias, groups, taps] = weights;
    require(groups > 0 && weight.shape(0) == static_cast<std::size_t>(outputs) &&
                weight.shape(1) * groups == static_cast<std::size_t>(inputs) &&
                outputs % groups == 0 && bias.size() == weight.shape(0) &&
                (!taps || taps->shape(0) == static_cast<std::size_t>(inputs)),
            "weights of a layer have the wrong shape");
    return {kernels_,      precision_,  inputs,
            outputs,       groups,      weight.data(),
            bias.data(),   taps ? taps->data() : nullptr,
            taps ? static_cast<int>(taps->shape(1)) : 0};
  }

  Norm norm_of(const NormWeights& norm) const {
    const auto& [weight, bias] = norm;
    require(weight.size() == static_cast<std::size_t>(shape_.hidden) && bias.size() == weight.size(),
            "a norm has the wrong width");
    return {{weight.data(), weight.data() + weight.size()},
            {bias.data(), bias.data() + bias.size()}};
  }

  const Kernels& kernels_;
  const Precision precision_;
  const Shape shape_;
  // The encoder reads these where they are; the arrays keep their owners alive.
  const Words words_;
  const std::optional<Matrix<float>> word_scales_;
  const Matrix<float> positions_, types_;
  Encoder encoder_;
};

}  // namespace
}  // namespace squeezebert

NB_MODULE(_native, module) {
  using namespace squeezebert;
  // Threads that the end of the interpreter cut off keep their encoders; that is no mistake.
  nb::set_leak_warnings(false);
  module.def("instruction_sets", instruction_sets,
             "Names of the instruction sets that this machine runs, best first.");
  module.attr("CHANNEL_MULTIPLE") = kChannelMultiple;
  module.def("convolve", &python_convolve, "instruction_set"_a, "x"_a, "taps"_a,
             "is_token"_a.none(), "threads"_a, "y"_a.noconvert(),
             "Writes y; see `squeezebert.runtime.depthwise`.");
  module.def("convolve_backward", &python_convolve_backward, "instruction_set"_a, "x"_a, "taps"_a,
             "is_token"_a.none(), "dy"_a, "threads"_a, "dx"_a.none().noconvert(),
             "dtaps"_a.none().noconvert(),
             "Writes dx and dtaps where they are given; see `squeezebert.runtime.depthwise`.");
  nb::class_<PythonLinear>(module, "Linear")
      .def(nb::init<const std::string&, const Matrix<float>&, const Vector<float>&>(),
           "instruction_set"_a, "weight"_a, "bias"_a)
      .def("apply", &PythonLinear::apply, "rows"_a, "result"_a);
  nb::class_<PythonEncoder>(module, "Encoder")
      .def(nb::init<const std::string&, const std::string&, int, int, int, float,
                    Words, std::optional<Matrix<float>>, Matrix<float>, Matrix<float>,
                    const NormWeights&>(),
           "instruction_set"_a, "precision"_a, "hidden"_a, "heads"_a, "intermediate"_a,
           "norm_eps"_a, "words"_a, "word_scales"_a.none(), "positions"_a, "types"_a, "norm"_a)
      .def("add_layer", &PythonEncoder::add_layer, "query"_a, "key"_a, "value"_a,
           "post_attention"_a, "intermediate"_a, "output"_a, "attention_norm"_a, "output_norm"_a)
      .def("encode", &PythonEncoder::encode, "ids"_a, "types"_a, "starts"_a, "threads"_a,
           "hidden"_a);
}
