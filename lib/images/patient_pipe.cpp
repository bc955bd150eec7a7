#include <images/patient_pipe.hpp>

#include <sys/file.hpp>

#include <limits.h>
#include <poll.h>

#include <algorithm>

namespace dind::images {
namespace {

constexpr int kStopInterval = 200; // milliseconds; a signal can fall between test and poll

Result<void> wait_until(short ready, const Fd& fd, const StopFlag& stop) {
  pollfd waiting{fd.get(), ready, 0};
  for (;;) {
    if (stop) {
      return stopped();
    }
    const int count = ::poll(&waiting, 1, kStopInterval);
    if (count > 0) {
      return {};
    }
    if (count == -1 && errno != EINTR) {
      return errno_error("wait for a pipe");
    }
  }
}

} // namespace

Result<std::size_t> PatientSource::read(std::span<std::byte> into) {
  TRY(wait_until(POLLIN, fd_, stop_));
  return sys::read_some(fd_, into);
}

Result<void> PatientSink::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    TRY(wait_until(POLLOUT, fd_, stop_));
    // As much as a pipe that is ready takes at once (pipe(7)).
    const auto piece = bytes.first(std::min<std::size_t>(bytes.size(), PIPE_BUF));
    TRY(sys::write_all(fd_, {reinterpret_cast<const char*>(piece.data()), piece.size()}));
    bytes = bytes.subspan(piece.size());
  }
  return {};
}

} // namespace dind::images
