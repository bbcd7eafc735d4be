// The encoder written as the paper has it, in double precision and without any haste.
#pragma once

#include <vector>

#include "model.hpp"

namespace squeezebert::tests {

// Hidden states [T, H].
std::vector<double> reference(const Model& model, const Texts& texts);

}  // namespace squeezebert::tests
