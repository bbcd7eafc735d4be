// The table of word embeddings, read where the caller keeps it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels.hpp"

namespace squeezebert {

// One of three kinds: floats; integers of 8 bits with a scale for each word; integers of 4 bits,
// two in a byte, with a scale for each of the blocks that a word is cut into. In a block the first
// half of the integers are the low nibbles, the second half the high ones; a nibble is the integer
// plus 8.
struct WordTable {
  const float* floats = nullptr;
  const std::int8_t* integers = nullptr;
  const std::uint8_t* nibbles = nullptr;
  const float* scales = nullptr;
  int blocks = 0;
};

// row += the embedding of a word
void add_word(const Kernels& kernels, const WordTable& table, std::size_t word, int width,
              float* row);

}  // namespace squeezebert
