#include "words.hpp"

#include <array>

namespace squeezebert {
namespace {

constexpr int kAtOnce = 256;

void add_nibbles(const Kernels& kernels, float* row, const std::uint8_t* bytes, float scale,
                 int size) {
  std::array<std::int8_t, kAtOnce> integers;
  const int half = size / 2;
  for (int high = 0; high < 2; ++high) {
    for (int done = 0; done < half; done += kAtOnce) {
      const int count = half - done < kAtOnce ? half - done : kAtOnce;
      for (int i = 0; i < count; ++i) {
        const int byte = bytes[done + i];
        integers[i] = static_cast<std::int8_t>((high != 0 ? byte >> 4 : byte & 15) - 8);
      }
      kernels.add_integers(row + high * half + done, integers.data(), scale, count);
    }
  }
}

}  // namespace

void add_word(const Kernels& kernels, const WordTable& table, std::size_t word, int width,
              float* row) {
  if (table.integers != nullptr) {
    kernels.add_integers(row, table.integers + word * width, table.scales[word], width);
  } else if (table.nibbles != nullptr) {
    const int size = width / table.blocks;
    for (int block = 0; block < table.blocks; ++block) {
      add_nibbles(kernels, row + block * size,
                  table.nibbles + (word * width + static_cast<std::size_t>(block) * size) / 2,
                  table.scales[word * table.blocks + block], size);
    }
  } else {
    kernels.add(row, table.floats + word * width, width);
  }
}

}  // namespace squeezebert
