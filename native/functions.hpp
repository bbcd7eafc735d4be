// The elementwise functions of a `Kernels`, for the vectors of one instruction set. Widths are
// multiples of 32, and so of every vector, but for softmax's.
#pragma once

#include <algorithm>
#include <cmath>

#include "vectors.hpp"

namespace squeezebert::SQUEEZEBERT_ISA {

inline void add(float* row, const float* added, int width) {
  for (int i = 0; i < width; i += kLanes) store(row + i, load(row + i) + load(added + i));
}

inline void add_integers(float* row, const std::int8_t* values, float scale, int width) {
  for (int i = 0; i < width; ++i) row[i] += static_cast<float>(values[i]) * scale;
}

inline void multiply_add(float* row, const float* values, const float* weights, int width) {
  for (int i = 0; i < width; i += kLanes) {
    store(row + i, load(row + i) + load(values + i) * load(weights + i));
  }
}

inline void add_and_normalise(float* row, const float* added, const float* weight,
                              const float* bias, float eps, int width) {
  Vector total{};
  for (int i = 0; i < width; i += kLanes) {
    Vector x = load(row + i);
    if (added != nullptr) {
      x += load(added + i);
      store(row + i, x);
    }
    total += x;
  }
  const float mean = sum(total) / static_cast<float>(width);
  Vector squares{};
  for (int i = 0; i < width; i += kLanes) {
    const Vector x = load(row + i) - mean;
    squares += x * x;
  }
  const float scale = 1.0f / std::sqrt(sum(squares) / static_cast<float>(width) + eps);
  for (int i = 0; i < width; i += kLanes) {
    store(row + i, (load(row + i) - mean) * scale * load(weight + i) + load(bias + i));
  }
}

// x * Phi(x) to 1e-6, Phi the normal distribution function: log(Phi(x) / Phi(-x)) is x * P(x^2),
// with the polynomial of `squeezebert.runtime.activations`. Hendrycks and Gimpel 2016, "Gaussian
// Error Linear Units", the form with erf.
inline Vector gelu(Vector x) {
  const Vector u = x * x;
  Vector p = u * -3.61123399e-9f + 2.66892871e-7f;
  p = p * u - 7.93821975e-6f;
  p = p * u + 1.10480323e-4f;
  p = p * u + 6.6259968e-5f;
  p = p * u - 7.2668567e-2f;
  p = p * u - 1.59576843f;
  return x / (1.0f + exp(p * x));
}

inline void gelu_row(float* row, int width) {
  for (int i = 0; i < width; i += kLanes) store(row + i, gelu(load(row + i)));
}

inline void softmax(float* row, float scale, int width) {
  const int whole = width / kLanes * kLanes;
  const int rest = width - whole;
  constexpr float kLowest = -3e38f;
  Vector highest = broadcast(kLowest);
  for (int i = 0; i < whole; i += kLanes) highest = max(highest, load(row + i));
  if (rest) highest = max(highest, load_first(row + whole, rest, kLowest));
  const float most = largest(highest);
  Vector total{};
  for (int i = 0; i < whole; i += kLanes) {
    const Vector odds = exp((load(row + i) - most) * scale);
    store(row + i, odds);
    total += odds;
  }
  if (rest) {
    const Vector odds = exp((load_first(row + whole, rest, most) - most) * scale);
    store_first(row + whole, odds, rest);
    total += load_first(row + whole, rest, 0.0f);
  }
  const float inverse = 1.0f / sum(total);
  for (int i = 0; i < whole; i += kLanes) store(row + i, load(row + i) * inverse);
  for (int i = whole; i < width; ++i) row[i] *= inverse;
}

}  // namespace squeezebert::SQUEEZEBERT_ISA
