#include "standard_streams.hpp"

#include "failure.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

namespace dind::ctl {
namespace {

bool is_closed(int descriptor) {
  return ::fcntl(descriptor, F_GETFD) == -1 && errno == EBADF;
}

} // namespace

void hold_standard_streams() {
  struct Stream {
    int descriptor;
    int flags; // by which it does not do what it is there for; errors go nowhere
  };
  constexpr std::array kStreams = {Stream{STDIN_FILENO, O_WRONLY}, Stream{STDOUT_FILENO, O_RDONLY},
                                   Stream{STDERR_FILENO, O_WRONLY}};
  for (const Stream& stream : kStreams) { // in this order: open takes the lowest number
    if (is_closed(stream.descriptor) && ::open("/dev/null", stream.flags) == -1) {
      ::open("/", O_PATH);
    }
  }
}

int finish_output(std::string_view verb, int exit_code) {
  const bool failed_before = std::ferror(stdout) != 0;
  if (std::fflush(stdout) == 0 && !failed_before) {
    return exit_code;
  }
  const Error error("write standard output", failed_before ? EIO : errno);
  return is_done(exit_code) ? fail(verb, error) : exit_code;
}

} // namespace dind::ctl
