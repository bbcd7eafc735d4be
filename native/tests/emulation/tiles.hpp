// The tile instructions of AMX in C++, after Intel's "64 and IA-32 Architectures Software
// Developer's Manual", volume 2. What the processor answers with a fault ends the program here.
#pragma once

#include <cstddef>

namespace tiles {

void load_config(const void* shapes);                               // LDTILECFG
void release();                                                     // TILERELEASE
void load(int tile, const void* from, std::ptrdiff_t stride);       // TILELOADD
void store(int tile, void* to, std::ptrdiff_t stride);              // TILESTORED
void zero(int tile);                                                // TILEZERO
void multiply_int8(int sums, int rows, int weights);                // TDPBSSD
void multiply_bfloat16(int sums, int rows, int weights);            // TDPBF16PS

}  // namespace tiles
