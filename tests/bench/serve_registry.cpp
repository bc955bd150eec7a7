#include <cache/reader.hpp>
#include <sys/file.hpp>
#include <sys/listen.hpp>
#include <registry/http_server.hpp>

#include <fcntl.h>
#include <malloc.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

// What PID 1 keeps for DIND_REGISTRY, without what confines it: serves the images of CACHE at PORT
// of loopback until it is killed. For scripts/bench-registry.sh.

namespace {

using namespace dind;

Result<void> run(const char* cache_dir, std::uint16_t port) {
  registry::Shelf shelf;
  const cache::Cache cache = TRY(cache::Cache::open(cache_dir));
  TRY(shelf.add(cache));
  ::malloc_trim(0);
  registry::Missed missed(TRY(sys::open_path("/dev/null", O_RDWR)));
  const registry::Tally tally = TRY(registry::Tally::open());
  std::vector<Fd> listeners;
  listeners.push_back(TRY(sys::bind_tcp("127.0.0.1", port)));
  TRY(sys::start_listening(listeners.front()));
  return registry::serve(listeners, shelf, missed, tally);
}

} // namespace

int main(int argc, char** argv) {
  const std::string_view text = argc == 3 ? argv[2] : "";
  std::uint16_t port = 0;
  std::from_chars(text.data(), text.data() + text.size(), port);
  if (port == 0) {
    std::fputs("usage: serve_registry CACHE PORT\n", stderr);
    return 64;
  }
  const auto served = run(argv[1], port);
  std::fprintf(stderr, "%s\n", served ? "" : served.error().describe().c_str());
  return 1;
}
