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

// x * Phi(x) to 1e-6, Phi the normal distribution function: Phi(x) - 1/2 is x * P(x^2) / Q(x^2), fitted
// for the least error of the whole up to the x where Phi ends in a float. Hendrycks and Gimpel 2016,
// "Gaussian Error Linear Units", the form with erf.
inline Vector gelu(Vector x) {
  constexpr float kEnd = 5.3f;
  const Vector u = min(x * x, broadcast(kEnd * kEnd));
  Vector p = u * 8.22705296e-6f + 4.49850590e-4f;
  p = p * u + 6.35451688e-3f;
  p = p * u + 6.14077346e-2f;
  p = p * u + 0.398939380f;
  Vector q = u * 6.77271796e-7f + 1.63936830e-4f;
  q = q * u + 3.46041398e-3f;
  q = q * u + 4.43974072e-2f;
  q = q * u + 0.320563013f;
  q = q * u + 1.0f;
  const Vector odd = min(max(x * p / q, broadcast(-0.5f)), broadcast(0.5f));
  return x * odd + x * 0.5f;
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
