// bfloat16, the upper half of a float.
#pragma once

#include <bit>
#include <cstdint>

namespace squeezebert {

// Rounded to nearest, ties to even. Static, so that each instruction set compiles one of its own.
static inline std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

}  // namespace squeezebert
