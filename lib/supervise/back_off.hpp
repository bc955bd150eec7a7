#pragma once

#include <chrono>

namespace dind::supervise {

// How long a process that died waits before the next one serves: 250 ms, and twice that each time,
// up to a minute, until one has served for longer than that.
class BackOff {
public:
  std::chrono::milliseconds pause() const { return pause_; }
  void started() { started_ = std::chrono::steady_clock::now(); }
  void died();

private:
  std::chrono::steady_clock::time_point started_;
  std::chrono::milliseconds pause_{0};
};

} // namespace dind::supervise
