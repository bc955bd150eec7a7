#include <registry/tally.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>

namespace dind::registry {
namespace {

constexpr std::size_t kMostAtOnce = 64;

} // namespace

Result<Tally> Tally::open() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == -1) {
    return errno_error("make a pipe");
  }
  return Tally(Fd(ends[0]), Fd(ends[1]));
}

// The kernel writes what is so short whole (pipe(7), PIPE_BUF).
Result<void> Tally::send(const Counts& counts) const {
  if (::write(writer_.get(), &counts, sizeof counts) == -1) {
    return errno_error("write to a pipe");
  }
  return {};
}

Counts Tally::receive() const {
  std::array<Counts, kMostAtOnce> sent;
  const ssize_t got = ::read(reader_.get(), sent.data(), sizeof sent);
  Counts sum;
  for (std::size_t at = 0; got > 0 && at < static_cast<std::size_t>(got) / sizeof(Counts); ++at) {
    sum.hits += sent[at].hits;
    sum.misses += sent[at].misses;
  }
  return sum;
}

} // namespace dind::registry
