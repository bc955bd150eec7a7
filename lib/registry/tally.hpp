#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <cstdint>

namespace dind::registry {

// How often a manifest was asked for, by tag or by digest, and by GET or HEAD.
struct Counts {
  std::uint64_t hits = 0;   // a cache has it
  std::uint64_t misses = 0; // none has
  bool operator==(const Counts&) const = default;
};

// Brings counts from the threads of a registry to the process that started it: a pipe with both of
// its ends, neither of which ever blocks.
class Tally {
public:
  static Result<Tally> open();

  // By the registry. Sends all of it or nothing: what is not sent because the pipe is full is to be
  // sent later.
  Result<void> send(const Counts& counts) const;

  // By the other process, where the pipe is readable. The sum of some of what was sent; more may be
  // left. Numbers of any kind, if the registry was made to send them.
  Counts receive() const;
  const Fd& readable() const { return reader_; }

private:
  Tally(Fd reader, Fd writer) : reader_(std::move(reader)), writer_(std::move(writer)) {}

  Fd reader_;
  Fd writer_;
};

} // namespace dind::registry
