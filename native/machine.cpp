#include "machine.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace squeezebert {
namespace {

#if defined(__x86_64__)

// Linux lets a process use the tile registers only after it asked for them.
bool tiles_permitted() {
#if defined(__linux__)
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

bool has_amx() {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned kBfloat16 = 1u << 22, kTile = 1u << 24, kInt8 = 1u << 25;
  constexpr unsigned kAll = kBfloat16 | kTile | kInt8;
  return (d & kAll) == kAll && tiles_permitted();
}

// `__builtin_cpu_supports` also asks whether the system saves the registers.
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_avx512_vnni() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}

#elif defined(__aarch64__)

bool has_dot_product() {
#if defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#elif defined(__APPLE__)
  return true;  // every 64-bit Apple processor of a Mac has it
#else
  return false;
#endif
}

#endif

std::vector<const Kernels*> find() {
  std::vector<const Kernels*> found;
#if defined(__x86_64__)
  if (has_avx512_vnni() && has_amx()) found.push_back(&amx_kernels());
  if (has_avx512_vnni()) found.push_back(&avx512_vnni_kernels());
  if (has_avx2()) found.push_back(&avx2_kernels());
#elif defined(__aarch64__)
  if (has_dot_product()) found.push_back(&neon_kernels());
#endif
  found.push_back(&portable_kernels());
  return found;
}

}  // namespace

const std::vector<const Kernels*>& usable_kernels() {
  static const std::vector<const Kernels*> kUsable = find();
  return kUsable;
}

}  // namespace squeezebert
