# Compiles the kernels for AVX-512 and AMX, unchanged, to instructions that every machine with AVX2
# runs: SIMDe stands in for AVX-512's intrinsics, tiles.cpp for AMX's. The compiler itself lowers
# vectors of 64 bytes.
find_path(SIMDE_INCLUDE_DIR simde/x86/avx512.h)
if(NOT SIMDE_INCLUDE_DIR)
  message(FATAL_ERROR "Emulating AVX-512 needs SIMDe. Install it: apt install libsimde-dev")
endif()
set(emulation ${CMAKE_CURRENT_LIST_DIR})
# -Wno-psabi: passing such vectors by value is no interface here, all of it is inlined.
set(avx512_vnni ${avx2} -I${emulation} -Wno-psabi)
set(amx ${avx512_vnni})
set_source_files_properties(${emulation}/tiles.cpp PROPERTIES COMPILE_OPTIONS "${avx2}")
list(REMOVE_ITEM sources machine.cpp)
list(APPEND sources ${emulation}/machine.cpp ${emulation}/tiles.cpp)
