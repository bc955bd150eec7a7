#include <blobs/static_libfuse.hpp>

extern "C" [[gnu::used]] void __wrap_cuse_lowlevel_init(void* /*request*/, uint64_t /*number*/,
                                                        const void* /*input*/) {}
