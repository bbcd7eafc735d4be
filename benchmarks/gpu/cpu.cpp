// What a training step on processors with bfloat16 products takes longest for beside the products:
// the depthwise convolution of taps.py, a layer norm after a residual, and a step of Adam in one
// pass. Tensors are contiguous. Sums are made in float32, but for the gradient of an input that several
// sets of filters read.

#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace {

using bf16 = uint16_t;
using Floats = __m512;
constexpr int64_t kLanes = 16;

inline Floats load(const bf16* from) {
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

inline void store(bf16* to, Floats x) {
  const __m256bh halves = _mm512_cvtneps_pbh(x);
  std::memcpy(to, &halves, sizeof halves);
}

inline void add(float* to, Floats x) { _mm512_storeu_ps(to, _mm512_loadu_ps(to) + x); }

inline float total(Floats x) { return _mm512_reduce_add_ps(x); }

inline float wide(bf16 x) {
  const uint32_t bits = static_cast<uint32_t>(x) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline bf16 narrow(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits += 0x7fff + ((bits >> 16) & 1);
  return static_cast<bf16>(bits >> 16);
}

// The convolution of texts x [batch, length, channels] by several sets of filters, taps [sets, kTaps,
// channels], whose results are laid out as y [sets, groups, batch, length, channels / groups].
struct Sizes {
  int64_t batch, length, channels, sets, groups;

  int64_t input(int64_t row, int64_t token, int64_t channel) const {
    return (row * length + token) * channels + channel;
  }
  int64_t output(int64_t set, int64_t row, int64_t token, int64_t channel) const {
    const int64_t part = channels / groups;
    const int64_t group = channel / part;
    return (((set * groups + group) * batch + row) * length + token) * part + channel % part;
  }
};

// One text's channels [tokens, kWide vectors] in float32, with zeros before and behind it.
template <int64_t kTaps, int64_t kWide>
class Padded {
 public:
  explicit Padded(int64_t length) : lines_((length + kTaps - 1) * kWide) {}

  // Reads `own` tokens, which are `stride` apart.
  void read(const bf16* from, int64_t own, int64_t stride) {
    Row* to = rows();
    for (int64_t token = 0; token < own + kTaps - 1; ++token) {
      const int64_t at = token - kTaps / 2;
      for (int64_t v = 0; v < kWide; ++v)
        to[token][v] =
            at < 0 || at >= own ? Floats{} : load(from + at * stride + v * kLanes);
    }
  }

  // The token that the filter's place k meets at `token`.
  const Floats* at(int64_t token, int64_t k) { return rows()[token + k]; }

 private:
  using Row = Floats[kWide];
  struct alignas(64) Line {
    float lanes[kLanes];
  };
  Row* rows() { return reinterpret_cast<Row*>(lines_.data()); }

  std::vector<Line> lines_;
};

// A set's filters for the channels from `first` on.
template <int64_t kTaps, int64_t kWide>
struct Filters {
  Floats at[kTaps][kWide];

  Filters(const bf16* taps, Sizes sizes, int64_t set, int64_t first) {
    for (int64_t k = 0; k < kTaps; ++k)
      for (int64_t v = 0; v < kWide; ++v)
        at[k][v] = load(taps + (set * kTaps + k) * sizes.channels + first + v * kLanes);
  }
};

template <int64_t kTaps, int64_t kWide>
void convolve_all(const bf16* x, const bf16* taps, const int32_t* lengths, bf16* y, Sizes sizes) {
#pragma omp parallel
  {
    Padded<kTaps, kWide> text(sizes.length);
#pragma omp for schedule(static)
    for (int64_t row = 0; row < sizes.batch; ++row) {
      const int64_t own = lengths[row] < sizes.length ? lengths[row] : sizes.length;
      for (int64_t first = 0; first < sizes.channels; first += kWide * kLanes) {
        text.read(x + sizes.input(row, 0, first), own, sizes.channels);
        for (int64_t set = 0; set < sizes.sets; ++set) {
          const Filters<kTaps, kWide> filters(taps, sizes, set, first);
          bf16* to = y + sizes.output(set, row, 0, first);
          const int64_t stride = sizes.channels / sizes.groups;
          for (int64_t token = 0; token < sizes.length; ++token, to += stride) {
            Floats sum[kWide] = {};
            for (int64_t k = 0; k < kTaps && token < own; ++k)
              for (int64_t v = 0; v < kWide; ++v) sum[v] += text.at(token, k)[v] * filters.at[k][v];
            for (int64_t v = 0; v < kWide; ++v) store(to + v * kLanes, sum[v]);
          }
        }
      }
    }
  }
}

template <int64_t kTaps, int64_t kWide>
void convolve_back(const bf16* x, const bf16* taps, const int32_t* lengths, const bf16* dy,
                   bf16* dx, bf16* dtaps, Sizes sizes) {
  const int64_t numbers = sizes.sets * kTaps * sizes.channels;
  std::vector<float> sums(numbers);
#pragma omp parallel
  {
    std::vector<float> own_sums(numbers);
    Padded<kTaps, kWide> text(sizes.length), gradient(sizes.length);
#pragma omp for schedule(static)
    for (int64_t row = 0; row < sizes.batch; ++row) {
      const int64_t own = lengths[row] < sizes.length ? lengths[row] : sizes.length;
      for (int64_t first = 0; first < sizes.channels; first += kWide * kLanes) {
        text.read(x + sizes.input(row, 0, first), own, sizes.channels);
        for (int64_t set = 0; set < sizes.sets; ++set) {
          gradient.read(dy + sizes.output(set, row, 0, first), own, sizes.channels / sizes.groups);
          const Filters<kTaps, kWide> filters(taps, sizes, set, first);
          Floats sum[kTaps][kWide] = {};
          bf16* to = dx + sizes.input(row, 0, first);
          for (int64_t token = 0; token < sizes.length; ++token, to += sizes.channels) {
            Floats moved[kWide] = {};
            for (int64_t k = 0; k < kTaps && token < own; ++k)
              for (int64_t v = 0; v < kWide; ++v)
                moved[v] += gradient.at(token, kTaps - 1 - k)[v] * filters.at[k][v];
            for (int64_t v = 0; v < kWide; ++v)
              store(to + v * kLanes, set ? moved[v] + load(to + v * kLanes) : moved[v]);
          }
          for (int64_t token = 0; token < own; ++token)
            for (int64_t k = 0; k < kTaps; ++k)
              for (int64_t v = 0; v < kWide; ++v)
                sum[k][v] += text.at(token, k)[v] * gradient.at(token, kTaps / 2)[v];
          for (int64_t k = 0; k < kTaps; ++k)
            for (int64_t v = 0; v < kWide; ++v)
              add(&own_sums[(set * kTaps + k) * sizes.channels + first + v * kLanes], sum[k][v]);
        }
      }
    }
#pragma omp critical
    for (int64_t i = 0; i < numbers; ++i) sums[i] += own_sums[i];
  }
  for (int64_t i = 0; i < numbers; ++i) dtaps[i] = narrow(sums[i]);
}

template <int64_t kValue>
using Number = std::integral_constant<int64_t, kValue>;

// Calls `call` with kTaps, five or three, and kWide, vectors that fill a group.
template <typename Call>
void choose(int64_t taps, Sizes sizes, Call call) {
  const int64_t vectors = sizes.channels / sizes.groups / kLanes;
  const auto with = [&](auto size) {
    if (vectors % 4 == 0) return call(size, Number<4>{});
    if (vectors % 2 == 0) return call(size, Number<2>{});
    call(size, Number<1>{});
  };
  taps == 5 ? with(Number<5>{}) : with(Number<3>{});
}

}  // namespace

extern "C" {

// y[set, s, c] = sum over k of x[s + k - radius, c] * taps[set, k, c] inside of a text, 0 elsewhere.
void convolve(const bf16* x, const bf16* taps, const int32_t* lengths, bf16* y, int64_t batch,
              int64_t length, int64_t channels, int64_t sets, int64_t groups, int64_t size) {
  const Sizes sizes{batch, length, channels, sets, groups};
  choose(size, sizes, [&](auto k, auto v) { convolve_all<k, v>(x, taps, lengths, y, sizes); });
}

// The gradients of x and of taps.
void convolve_backward(const bf16* x, const bf16* taps, const int32_t* lengths, const bf16* dy,
                       bf16* dx, bf16* dtaps, int64_t batch, int64_t length, int64_t channels,
                       int64_t sets, int64_t groups, int64_t size) {
  const Sizes sizes{batch, length, channels, sets, groups};
  choose(size, sizes, [&](auto k, auto v) {
    convolve_back<k, v>(x, taps, lengths, dy, dx, dtaps, sizes);
  });
}

// sum = a + b; y = (sum - mean) / deviation * weight + bias, over the channels of each token.
void residual_norm(const bf16* a, const bf16* b, const bf16* weight, const bf16* bias, bf16* sum,
                   float* mean, float* inverse, bf16* y, int64_t tokens, int64_t channels,
                   float epsilon) {
#pragma omp parallel for schedule(static)
  for (int64_t token = 0; token < tokens; ++token) {
    const int64_t at = token * channels;
    Floats first = {}, second = {};
    for (int64_t c = 0; c < channels; c += kLanes) {
      store(sum + at + c, load(a + at + c) + load(b + at + c));
      const Floats value = load(sum + at + c);
      first += value;
      second += value * value;
    }
    const float center = total(first) / channels;
    const float variance = total(second) / channels - center * center;
    const float scale = 1 / std::sqrt((variance > 0 ? variance : 0) + epsilon);
    mean[token] = center;
    inverse[token] = scale;
    for (int64_t c = 0; c < channels; c += kLanes)
      store(y + at + c, (load(sum + at + c) - center) * scale * load(weight + c) + load(bias + c));
  }
}

// The gradients of sum, weight and bias.
void residual_norm_backward(const bf16* sum, const float* mean, const float* inverse,
                            const bf16* weight, const bf16* dy, bf16* dsum, bf16* dweight,
                            bf16* dbias, int64_t tokens, int64_t channels) {
  std::vector<float> weights(channels), biases(channels);
#pragma omp parallel
  {
    std::vector<float> own_weights(channels), own_biases(channels);
#pragma omp for schedule(static)
    for (int64_t token = 0; token < tokens; ++token) {
      const int64_t at = token * channels;
      const float center = mean[token], scale = inverse[token];
      Floats first = {}, second = {};
      for (int64_t c = 0; c < channels; c += kLanes) {
        const Floats gradient = load(dy + at + c);
        const Floats normal = (load(sum + at + c) - center) * scale;
        const Floats inner = gradient * load(weight + c);
        first += inner;
        second += inner * normal;
        add(&own_weights[c], gradient * normal);
        add(&own_biases[c], gradient);
      }
      const float shift = total(first) / channels, slope = total(second) / channels;
      for (int64_t c = 0; c < channels; c += kLanes) {
        const Floats normal = (load(sum + at + c) - center) * scale;
        const Floats inner = load(dy + at + c) * load(weight + c);
        store(dsum + at + c, (inner - shift - normal * slope) * scale);
      }
    }
#pragma omp critical
    for (int64_t c = 0; c < channels; ++c) {
      weights[c] += own_weights[c];
      biases[c] += own_biases[c];
    }
  }
  for (int64_t c = 0; c < channels; ++c) {
    dweight[c] = narrow(weights[c]);
    dbias[c] = narrow(biases[c]);
  }
}

// The square of a gradient's norm.
double square_norm(const bf16* gradient, int64_t size) {
  double total = 0;
#pragma omp parallel for schedule(static) reduction(+ : total)
  for (int64_t start = 0; start < size; start += 4096) {
    const int64_t end = start + 4096 < size ? start + 4096 : size;
    float part = 0;
#pragma omp simd reduction(+ : part)
    for (int64_t i = start; i < end; ++i) {
      const float value = wide(gradient[i]);
      part += value * value;
    }
    total += part;
  }
  return total;
}

// AdamW: moves master by the gradient times `scale`, and writes it to low.
void adam(float* master, bf16* low, const bf16* gradient, float* first, float* second, float* mean,
          int64_t size, float scale, float rate, float decay, float beta1, float beta2,
          float correction1, float correction2, float epsilon, float averaged) {
#pragma omp parallel for simd schedule(static)
  for (int64_t i = 0; i < size; ++i) {
    const float g = wide(gradient[i]) * scale;
    const float m = first[i] = beta1 * first[i] + (1 - beta1) * g;
    const float v = second[i] = beta2 * second[i] + (1 - beta2) * g * g;
    const float update = m / correction1 / (std::sqrt(v / correction2) + epsilon);
    const float value = master[i] - rate * (update + decay * master[i]);
    master[i] = value;
    mean[i] += (1 - averaged) * (value - mean[i]);
    low[i] = narrow(value);
  }
}

}  // extern "C"
