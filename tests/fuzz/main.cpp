#include <fuzz/target.hpp>

#include <base/log.hpp>

#include <cstdio>

namespace {

dind::fuzz::Run g_run = nullptr;

} // namespace

// libFuzzer has the main function. It calls this one first.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** argv) {
  dind::log::set_level(dind::log::Level::error);
  const std::string_view path = (*argv)[0];
  const std::string_view name = path.substr(path.rfind("fuzz_") + 5);
  const auto found = dind::fuzz::targets().find(name);
  if (path.rfind("fuzz_") == std::string_view::npos || found == dind::fuzz::targets().end()) {
    std::fprintf(stderr, "there is no target %s\n", (*argv)[0]);
    std::exit(64);
  }
  g_run = found->second;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  g_run({reinterpret_cast<const char*>(data), size});
  return 0;
}
