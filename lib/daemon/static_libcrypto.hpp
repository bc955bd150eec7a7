#pragma once

// What libcrypto asks the C library for and a static program cannot have: loading modules, and name
// services. Nothing of it is used here. The linker leads libcrypto's calls to these refusals
// (--wrap), for glibc's own would need its shared libraries at run time. Only in static builds.

#include <netdb.h>

extern "C" {

void* __wrap_dlopen(const char* file, int mode);
int __wrap_getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                       addrinfo** found);
void __wrap_freeaddrinfo(addrinfo* found);
hostent* __wrap_gethostbyname(const char* name);

} // extern "C"
