# Programs for arm64 by Debian's cross compiler, with libraries of that architecture beside this
# machine's: scripts/packages.sh arm64. What the build runs, qemu-user runs.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static)
# The compiler has a C library of its own, which gets no security fixes.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-B/usr/lib/aarch64-linux-gnu -L/usr/lib/aarch64-linux-gnu")
# CMake asks this machine's pkg-config where OpenSSL is.
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig)
