#include <sys/lock.hpp>

#include <sys/file.h>

#include <chrono>
#include <thread>

namespace dind::sys {

Result<bool> try_lock(const Fd& fd) {
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
    return true;
  }
  return errno == EWOULDBLOCK ? Result<bool>(false) : errno_error("lock");
}

Result<void> wait_lock(const Fd& fd) {
  while (::flock(fd.get(), LOCK_EX) == -1) {
    if (errno != EINTR) {
      return errno_error("lock");
    }
  }
  return {};
}

Result<std::optional<Fd>> take_lock_at(At at, const std::function<bool()>& interrupted) {
  constexpr auto kPause = std::chrono::milliseconds(50);
  Fd file = TRY(open_at(at, O_RDWR | O_CREAT, 0600));
  while (!TRY(try_lock(file).within(at.name))) {
    if (interrupted()) {
      return std::optional<Fd>();
    }
    std::this_thread::sleep_for(kPause);
  }
  return std::optional(std::move(file));
}

} // namespace dind::sys
