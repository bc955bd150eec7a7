#include <daemon/static_libcrypto.hpp>

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
