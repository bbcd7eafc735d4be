// Found before the compiler's <immintrin.h>: that header, with the intrinsics of AVX-512 and AMX
// replaced by functions that need neither.
#pragma once

#include_next <immintrin.h>

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include "tiles.hpp"

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbssd
#undef _tile_dpbf16ps
#define _tile_loadconfig(shapes) tiles::load_config(shapes)
#define _tile_release() tiles::release()
#define _tile_loadd(tile, from, stride) tiles::load(tile, from, stride)
#define _tile_stored(tile, to, stride) tiles::store(tile, to, stride)
#define _tile_zero(tile) tiles::zero(tile)
#define _tile_dpbssd(sums, rows, weights) tiles::multiply_int8(sums, rows, weights)
#define _tile_dpbf16ps(sums, rows, weights) tiles::multiply_bfloat16(sums, rows, weights)
