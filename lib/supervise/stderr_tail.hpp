#pragma once

#include <init/stderr_relay.hpp>
#include <init/supervisor.hpp>

#include <optional>
#include <string>

namespace dind::supervise {

// What dockerd said last. For it, dockerd's errors take a way round by a child, so this is begun
// only where they are wanted.
class StderrTail {
public:
  explicit StderrTail(init::Supervisor& supervisor) : supervisor_(supervisor) {}

  Result<void> begin();
  const Fd* writer() const { return relay_ ? &relay_->writer() : nullptr; } // for dockerd
  // All that dockerd wrote is out when this returns, or half a second has passed: PID 1 takes
  // the child along when it goes.
  void finish();
  std::string text() const; // "" if there was nothing, or none are kept

private:
  void pass_on();

  init::Supervisor& supervisor_;
  std::optional<init::StderrRelay> relay_;
  pid_t child_ = 0;
};

} // namespace dind::supervise
