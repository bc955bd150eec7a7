#include <fuzz/target.hpp>

#include <archive/compression.hpp>

#include <array>

namespace dind::fuzz {
namespace {

void run_compression(std::string_view input) {
  archive::MemorySource source(input);
  const auto stream = archive::decompress(source);
  if (!stream) {
    return;
  }
  // A few bytes may stand for gigabytes.
  constexpr std::size_t kLimit = 16U << 20U;
  std::array<std::byte, 4096> chunk{};
  for (std::size_t total = 0; total < kLimit;) {
    const auto got = stream->source->read(chunk);
    if (!got || *got == 0) {
      break;
    }
    total += *got;
  }
}

const Target kTargetCompression("compression", run_compression);

} // namespace
} // namespace dind::fuzz
