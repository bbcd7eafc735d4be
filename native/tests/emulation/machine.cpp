// A machine that has every x86 instruction set: those it lacks are emulated.
#include "machine.hpp"

namespace squeezebert {

const std::vector<const Kernels*>& usable_kernels() {
  static const std::vector<const Kernels*> kAll = {&amx_kernels(), &avx512_vnni_kernels(),
                                                   &avx2_kernels(), &portable_kernels()};
  return kAll;
}

}  // namespace squeezebert
