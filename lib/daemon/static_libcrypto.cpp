// What libcrypto asks the C library for and a static program cannot have: loading modules, and name
// services. Nothing of it is used here. The linker leads libcrypto's calls to these refusals
// (--wrap), for glibc's own would need its shared libraries at run time. Only in static builds.

#include <netdb.h>

extern "C" {

[[gnu::used]] void* __wrap_dlopen(const char* /*file*/, int /*mode*/) {
  return nullptr;
}

[[gnu::used]] int __wrap_getaddrinfo(const char* /*node*/, const char* /*service*/,
                                     const addrinfo* /*hints*/, addrinfo** /*found*/) {
  return EAI_FAIL;
}

[[gnu::used]] void __wrap_freeaddrinfo(addrinfo* /*found*/) {}

[[gnu::used]] hostent* __wrap_gethostbyname(const char* /*name*/) {
  return nullptr;
}

} // extern "C"
