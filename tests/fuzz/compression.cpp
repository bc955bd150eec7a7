#include <archive/compression.hpp>

#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  dind::archive::MemorySource source({reinterpret_cast<const char*>(data), size});
  const auto stream = dind::archive::decompress(source);
  if (!stream) {
    return 0;
  }
  // A few bytes may stand for gigabytes.
  constexpr std::size_t kLimit = 16U << 20U;
  std::vector<std::byte> chunk(4096);
  for (std::size_t total = 0; total < kLimit;) {
    const auto got = stream->source->read(chunk);
    if (!got || *got == 0) {
      break;
    }
    total += *got;
  }
  return 0;
}
