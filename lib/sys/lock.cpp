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

Result<bool> poll_lock(const Fd& fd, const std::function<bool()>& interrupted) {
  constexpr auto kPause = std::chrono::milliseconds(20);
  while (!TRY(try_lock(fd))) {
    if (interrupted()) {
      return false;
    }
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

Result<std::optional<Fd>> take_lock_at(At at, const std::function<bool()>& interrupted) {
  Fd file = TRY(open_at(at, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, 0600));
  if (!S_ISREG(TRY(stat_of(file)).st_mode)) {
    return input_error("{} is not a regular file", at.name);
  }
  const bool locked = TRY(poll_lock(file, interrupted).within(at.name));
  return locked ? std::optional(std::move(file)) : std::optional<Fd>();
}

} // namespace dind::sys
