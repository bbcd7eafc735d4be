# Compiles for AArch64 and runs tests in an emulator of it.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
find_program(QEMU qemu-aarch64)
find_program(CROSS_COMPILER ${CMAKE_CXX_COMPILER})
if(NOT QEMU OR NOT CROSS_COMPILER)
  message(FATAL_ERROR "Tests for AArch64 need a cross compiler and an emulator. Install them: "
                      "apt install g++-aarch64-linux-gnu qemu-user")
endif()
set(CMAKE_CROSSCOMPILING_EMULATOR ${QEMU} -cpu max -L /usr/aarch64-linux-gnu)
