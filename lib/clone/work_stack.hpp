#pragma once

#include <base/result.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

namespace dind::clone {

// Work that makes more work, done by several threads. The newest comes first, so that a
// tree is walked in depth and what waits stays little. The first error ends all of it.
class WorkStack {
public:
  using Work = std::function<Result<void>()>;

  void push(Work work);

  // Does everything, on up to `threads` threads that are gone when it returns. The calling thread
  // asks `interrupted` every 20 ms; then the error is ECANCELED. Where no thread can be had, it
  // does the work itself, and asks between one piece and the next.
  Result<void> run(unsigned threads, const std::function<bool()>& interrupted);

  // True once it is in vain to go on; asked between pieces of long work.
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

private:
  bool do_next(); // waits for work; false once there is no more
  void stop_if(const std::function<bool()>& interrupted);
  void stop(Error error);

  std::mutex mutex_;
  std::condition_variable pushed_;   // for the threads: pushed, or all is over
  std::condition_variable finished_; // for the caller of run()
  std::vector<Work> waiting_;
  std::size_t unfinished_ = 0; // waiting and being done
  std::optional<Error> error_;
  std::atomic<bool> stopping_{false};
};

} // namespace dind::clone
