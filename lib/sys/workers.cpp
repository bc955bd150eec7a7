#include <sys/workers.hpp>

namespace dind::sys {

std::vector<std::jthread> start_threads(std::size_t count, const std::function<void()>& work) {
  std::vector<std::jthread> threads;
  while (threads.size() < count) {
    auto thread = start_thread(work);
    if (!thread) {
      break;
    }
    threads.push_back(std::move(*thread));
  }
  return threads;
}

void run_on_workers(std::size_t count, const std::function<void()>& work) {
  const auto others = start_threads(count > 0 ? count - 1 : 0, work);
  work();
}

} // namespace dind::sys
