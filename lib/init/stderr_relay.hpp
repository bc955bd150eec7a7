#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <cstddef>
#include <string>

namespace dind::init {

// What a service writes to its standard error goes through a pipe, on to our own, and the end of
// it is remembered. The relaying is a process' own work (`pass_on`), so that the supervisor
// sleeps on; should it die, the pipe stays, and another one goes on.
class StderrRelay {
public:
  static Result<StderrRelay> open();
  ~StderrRelay();
  StderrRelay(StderrRelay&& other) noexcept;
  StderrRelay& operator=(StderrRelay&&) = delete;

  const Fd& writer() const { return writer_; } // for the service

  // Reads until `finish`. For a child.
  void pass_on();
  // With the service gone, makes `pass_on` return as soon as all has been passed on.
  void finish();

  // The last `count` lines, each at most 500 bytes, joined by " | ".
  std::string last_lines(std::size_t count) const;

private:
  struct Memory; // shared between the processes
  StderrRelay(Fd reader, Fd writer, Memory* memory)
      : reader_(std::move(reader)), writer_(std::move(writer)), memory_(memory) {}

  Fd reader_;
  Fd writer_;
  Memory* memory_;
};

} // namespace dind::init
