#include <sys/lock.hpp>

#include <sys/file.h>

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

} // namespace dind::sys
