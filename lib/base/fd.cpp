#include <base/fd.hpp>

#include <errno.h>
#include <unistd.h>

namespace dind {

Fd::~Fd() {
  if (raw_ == kNone) {
    return;
  }
  const int saved = errno; // destructors run between a failing call and its report
  ::close(raw_);           // not retried: Linux frees the descriptor even on EINTR
  errno = saved;
}

} // namespace dind
