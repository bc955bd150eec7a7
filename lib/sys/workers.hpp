#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace dind::sys {

// A thread that runs `work`, or nothing where the kernel gives no more (a pids limit): then the
// caller does the work itself. `work` may take a std::stop_token, and is copied, so that it is
// still there.
template <typename Work>
std::optional<std::jthread> start_thread(const Work& work) {
  try {
    return std::jthread(work);
  } catch (const std::system_error&) {
    return std::nullopt;
  }
}

// As many threads that run `work` as the kernel gives, up to `count`.
std::vector<std::jthread> start_threads(std::size_t count, const std::function<void()>& work);

// Runs `work` on up to `count` threads, the calling one among them, and returns when all have
// ended. Under a pids limit they are fewer, which is no error.
void run_on_workers(std::size_t count, const std::function<void()>& work);

} // namespace dind::sys
