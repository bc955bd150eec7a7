// What libcrypto asks the C library for and a static program cannot have: loading modules, and name
// services. Nothing of it is used here; with these, it is refused in so many words, and glibc's
// own, which would need its shared libraries at run time, are not linked. Only in static builds.

#include <netdb.h>

extern "C" {

void* dlopen(const char* /*file*/, int /*mode*/) {
  return nullptr;
}

int getaddrinfo(const char* /*node*/, const char* /*service*/, const addrinfo* /*hints*/,
                addrinfo** /*found*/) {
  return EAI_FAIL;
}

void freeaddrinfo(addrinfo* /*found*/) {}

hostent* gethostbyname(const char* /*name*/) {
  return nullptr;
}

} // extern "C"
