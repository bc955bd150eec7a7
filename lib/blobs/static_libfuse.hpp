#pragma once

// What libfuse calls for character devices in user space (CUSE), which no session here is. With it
// come its options, modules that it loads, and iconv: 100 KiB of a static program. So the linker
// leads the call here (--wrap). Only in static builds.

#include <stdint.h>

extern "C" void __wrap_cuse_lowlevel_init(void* request, uint64_t number, const void* input);
