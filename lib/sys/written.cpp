#include <sys/written.hpp>

#include <atomic>

namespace dind::sys {
namespace {

std::atomic<std::uint64_t> bytes_written{0};
std::atomic<std::uint64_t> files_made{0};

} // namespace

Written written_so_far() {
  return {bytes_written.load(), files_made.load()};
}

void count_written(std::size_t bytes) {
  bytes_written.fetch_add(bytes, std::memory_order_relaxed);
}

void count_made() {
  files_made.fetch_add(1, std::memory_order_relaxed);
}

} // namespace dind::sys
