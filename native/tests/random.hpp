// Random numbers that are the same in every run and on every machine.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace squeezebert::tests {

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}

  // Whole number of first..last. Not std::uniform_int_distribution, which differs by library.
  int whole(int first, int last) {
    return first + static_cast<int>(engine_() % static_cast<std::uint32_t>(last - first + 1));
  }
  float real(float first, float last) {
    return first + (last - first) * (static_cast<float>(engine_() >> 8) * 0x1p-24f);
  }
  std::vector<float> reals(std::size_t count, float first, float last) {
    std::vector<float> values(count);
    for (float& value : values) value = real(first, last);
    return values;
  }
  template <class Value>
  Value one_of(const std::vector<Value>& values) {
    return values[whole(0, static_cast<int>(values.size()) - 1)];
  }

 private:
  std::mt19937 engine_;
};

}  // namespace squeezebert::tests
