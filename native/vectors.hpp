// Vectors of floats as wide as the instruction set that includes this has them, through the
// compiler's vector extension. Before including, define
//   SQUEEZEBERT_ISA      the namespace of the instruction set, so that nothing is shared
//   SQUEEZEBERT_VECTOR   bytes of a vector
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

namespace squeezebert::SQUEEZEBERT_ISA {

#define SQUEEZEBERT_INLINE __attribute__((always_inline))

constexpr int kLanes = SQUEEZEBERT_VECTOR / 4;

constexpr int round_up(int count, int multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

// step(0), step(1), ... with each number known to the compiler from the start: only then does it
// keep arrays of vectors in registers.
template <int count, class Step>
SQUEEZEBERT_INLINE inline void unrolled(Step step) {
  [&]<int... index>(std::integer_sequence<int, index...>) SQUEEZEBERT_INLINE {
    (step(std::integral_constant<int, index>{}), ...);
  }(std::make_integer_sequence<int, count>{});
}

// Keeps the compiler from moving reads of memory past this sum: it would read the operands of a whole
// block first, which leaves no registers for its sums.
#define SQUEEZEBERT_READ_IN_ORDER(sum) asm volatile("" : SQUEEZEBERT_REGISTER(sum) : : "memory")
#if defined(__aarch64__)
#define SQUEEZEBERT_REGISTER(sum) "+w"(sum)
#elif defined(__AVX512F__)
#define SQUEEZEBERT_REGISTER(sum) "+v"(sum)
#elif SQUEEZEBERT_VECTOR == 64  // no register is as wide: the tests emulate AVX-512
#define SQUEEZEBERT_REGISTER(sum) "+m"(sum)
#else
#define SQUEEZEBERT_REGISTER(sum) "+x"(sum)
#endif

typedef float Vector __attribute__((vector_size(SQUEEZEBERT_VECTOR)));
typedef std::int32_t Integers __attribute__((vector_size(SQUEEZEBERT_VECTOR)));
typedef float LooseVector
    __attribute__((vector_size(SQUEEZEBERT_VECTOR), aligned(4), may_alias));
typedef std::int32_t LooseIntegers
    __attribute__((vector_size(SQUEEZEBERT_VECTOR), aligned(4), may_alias));

inline Vector load(const float* from) { return *reinterpret_cast<const LooseVector*>(from); }
inline void store(float* to, Vector x) { *reinterpret_cast<LooseVector*>(to) = x; }

// The first lanes only; the others are `rest`.
inline Vector load_first(const float* from, int lanes, float rest) {
  float all[kLanes];
  for (float& lane : all) lane = rest;
  std::memcpy(all, from, lanes * sizeof(float));
  return load(all);
}
inline void store_first(float* to, Vector x, int lanes) {
  float all[kLanes];
  store(all, x);
  std::memcpy(to, all, lanes * sizeof(float));
}

// The first columns only of vectors side by side.
template <int vectors>
SQUEEZEBERT_INLINE inline void store_columns(float* to, const Vector (&values)[vectors],
                                             int columns) {
  unrolled<vectors>([&](auto v) SQUEEZEBERT_INLINE {
    const int lanes = columns - v * kLanes;
    if (lanes >= kLanes) {
      store(to + v * kLanes, values[v]);
    } else if (lanes > 0) {
      store_first(to + v * kLanes, values[v], lanes);
    }
  });
}

inline Integers load_integers(const void* from) {
  return *reinterpret_cast<const LooseIntegers*>(from);
}

inline Vector broadcast(float x) { return x - Vector{}; }
inline Integers broadcast(std::int32_t x) { return x - Integers{}; }

inline Vector max(Vector a, Vector b) { return a > b ? a : b; }
inline Vector min(Vector a, Vector b) { return a < b ? a : b; }
inline Vector magnitude(Vector x) { return (Vector)((Integers)x & 0x7fffffff); }

inline float sum(Vector x) {
  float total = 0;
  for (int lane = 0; lane < kLanes; ++lane) total += x[lane];
  return total;
}
inline float largest(Vector x) {
  float most = x[0];
  for (int lane = 1; lane < kLanes; ++lane) most = x[lane] > most ? x[lane] : most;
  return most;
}

// Adding 1.5 * 2^23 leaves the nearest whole number, ties to even, in the low bits.
constexpr float kRounder = 12582912.0f;
constexpr std::int32_t kRounderBits = 0x4b400000;

// Whole numbers nearest to |x| < 2^22.
inline Integers round(Vector x) { return (Integers)(x + kRounder) - kRounderBits; }

// e^x to 3e-7 of its value, for x in -87..88; beyond, the value at the end. 2^n e^r with |r| at
// most log(2) / 2, and a polynomial for e^r fitted for the least relative error.
inline Vector exp(Vector x) {
  x = min(max(x, broadcast(-87.0f)), broadcast(88.0f));
  const Vector shifted = x * 1.44269504f + kRounder;
  const Vector n = shifted - kRounder;
  const Vector r = x - n * 0.693145752f - n * 1.42860677e-6f;
  Vector p = r * 0.00831252057f + 0.0418901592f;
  p = p * r + 0.166671142f;
  p = p * r + 0.499992311f;
  p = p * r * r + r + 1.0f;
  const Integers exponent = ((Integers)shifted - kRounderBits) << 23;
  return (Vector)((Integers)p + exponent);
}

}  // namespace squeezebert::SQUEEZEBERT_ISA
