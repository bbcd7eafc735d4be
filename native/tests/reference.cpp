#include "reference.hpp"

#include <cmath>

namespace squeezebert::tests {
namespace {

using Matrix = std::vector<std::vector<double>>;  // a row for each token of one sequence

Matrix convolved(const LinearWeights& weights, const Matrix& rows) {
  const int count = static_cast<int>(rows.size()), reach = weights.kernel / 2;
  Matrix result(count, std::vector<double>(weights.inputs));
  for (int token = 0; token < count; ++token) {
    for (int channel = 0; channel < weights.inputs; ++channel) {
      for (int tap = 0; tap < weights.kernel; ++tap) {
        const int other = token + tap - reach;
        if (other < 0 || other >= count) continue;
        result[token][channel] +=
            rows[other][channel] * weights.taps[channel * weights.kernel + tap];
      }
    }
  }
  return result;
}

Matrix applied(const LinearWeights& weights, const Matrix& rows) {
  if (weights.kernel > 0) {
    LinearWeights pointwise = weights;
    pointwise.kernel = 0;
    return applied(pointwise, convolved(weights, rows));
  }
  const int width = weights.inputs / weights.groups;
  Matrix result;
  for (const auto& row : rows) {
    auto& to = result.emplace_back(weights.bias.begin(), weights.bias.end());
    for (int output = 0; output < weights.outputs; ++output) {
      const int first = output / (weights.outputs / weights.groups) * width;
      for (int i = 0; i < width; ++i) {
        to[output] += row[first + i] * weights.weight[output * width + i];
      }
    }
  }
  return result;
}

// rows = LayerNorm(rows + added)
void normalise(Matrix& rows, const Matrix* added, const Norm& norm) {
  for (std::size_t token = 0; token < rows.size(); ++token) {
    auto& row = rows[token];
    const auto width = static_cast<double>(row.size());
    double mean = 0, variance = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (added != nullptr) row[i] += (*added)[token][i];
      mean += row[i] / width;
    }
    for (const double x : row) variance += (x - mean) * (x - mean) / width;
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = (row[i] - mean) / std::sqrt(variance + Model::kEps) * norm.weight[i] + norm.bias[i];
    }
  }
}

Matrix attended(const Matrix& queries, const Matrix& keys, const Matrix& values, int heads) {
  const std::size_t count = queries.size(), hidden = queries[0].size(), width = hidden / heads;
  Matrix result(count, std::vector<double>(hidden));
  for (std::size_t first = 0; first < hidden; first += width) {
    for (std::size_t token = 0; token < count; ++token) {
      std::vector<double> odds(count);
      double total = 0;
      for (std::size_t other = 0; other < count; ++other) {
        double score = 0;
        for (std::size_t i = first; i < first + width; ++i) {
          score += queries[token][i] * keys[other][i];
        }
        total += odds[other] = std::exp(score / std::sqrt(static_cast<double>(width)));
      }
      for (std::size_t other = 0; other < count; ++other) {
        for (std::size_t i = first; i < first + width; ++i) {
          result[token][i] += odds[other] / total * values[other][i];
        }
      }
    }
  }
  return result;
}

Matrix embedded(const Model& model, const Texts& texts, int first, int last) {
  const int hidden = model.architecture.hidden;
  Matrix rows;
  for (int token = first; token < last; ++token) {
    auto& row = rows.emplace_back(hidden);
    for (int i = 0; i < hidden; ++i) {
      row[i] = double{model.words[texts.ids[token] * hidden + i]} +
               model.types[texts.types[token] * hidden + i] +
               model.positions[(token - first) * hidden + i];
    }
  }
  normalise(rows, nullptr, model.norm);
  return rows;
}

}  // namespace

std::vector<double> reference(const Model& model, const Texts& texts) {
  std::vector<double> hidden;
  for (std::size_t sequence = 0; sequence + 1 < texts.starts.size(); ++sequence) {
    Matrix rows = embedded(model, texts, texts.starts[sequence], texts.starts[sequence + 1]);
    for (const LayerWeights& layer : model.layers) {
      const auto& [query, key, value, post_attention, intermediate, output] = layer.linear;
      Matrix mid = applied(post_attention,
                           attended(applied(query, rows), applied(key, rows), applied(value, rows),
                                    model.architecture.heads));
      normalise(mid, &rows, layer.attention_norm);
      Matrix wide = applied(intermediate, mid);
      for (auto& row : wide) {
        for (double& x : row) x *= 0.5 * std::erfc(-x / std::sqrt(2.0));
      }
      rows = applied(output, wide);
      normalise(rows, &mid, layer.output_norm);
    }
    for (const auto& row : rows) hidden.insert(hidden.end(), row.begin(), row.end());
  }
  return hidden;
}

}  // namespace squeezebert::tests
