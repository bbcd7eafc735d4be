// Which instruction sets this machine has.
#pragma once

#include <vector>

#include "kernels.hpp"

namespace squeezebert {

// Kernels that were built and that this machine and its system run, best first. Portable C++ is
// always the last.
const std::vector<const Kernels*>& usable_kernels();

}  // namespace squeezebert
