#pragma once

#include <optional>
#include <thread>

namespace dind::boot {

// Which engine there is. Asking it takes a tenth of a second, beside what else is done.
class EngineVersion {
public:
  EngineVersion();

  EngineVersion(const EngineVersion&) = delete;
  EngineVersion& operator=(const EngineVersion&) = delete;

  // The major version, "28", by `dockerd --version`; none if that says nothing of the kind.
  std::optional<unsigned long> major();

private:
  std::optional<unsigned long> found_;
  std::optional<std::jthread> thread_; // last: it is joined before what it writes to goes
};

} // namespace dind::boot
