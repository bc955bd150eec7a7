#include <sys/listen_fds.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <string_view>

namespace dind::sys {
namespace {

constexpr std::string_view kPid = "LISTEN_PID=";
constexpr std::size_t kPidDigits = 10;

Result<Fd> copy_from(unsigned lowest, const Fd& fd) {
  Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, static_cast<int>(lowest)));
  if (!copy) {
    return errno_error("copy descriptor {}", fd.get());
  }
  return copy;
}

} // namespace

Result<ListenFds> ListenFds::prepare(std::span<const Fd> descriptors) {
  ListenFds handover;
  const unsigned beyond = kFirst + static_cast<unsigned>(descriptors.size());
  for (const Fd& fd : descriptors) {
    handover.copies_.push_back(TRY(copy_from(beyond, fd)));
  }
  for (bool is_free = !descriptors.empty(); is_free;) {
    Fd place = TRY(copy_from(kFirst, descriptors.front()));
    is_free = static_cast<unsigned>(place.get()) < beyond;
    if (is_free) {
      handover.held_.push_back(std::move(place));
    }
  }
  return handover;
}

void ListenFds::announce_in(std::vector<std::string>& environment) const {
  std::erase_if(environment, [](const std::string& entry) { return entry.starts_with("LISTEN_"); });
  environment.push_back("LISTEN_FDS=" + std::to_string(copies_.size()));
  environment.push_back(std::string(kPid) + std::string(kPidDigits, '0'));
}

void ListenFds::arrive(char* pid_entry) const {
  int place = static_cast<int>(kFirst);
  for (const Fd& copy : copies_) {
    ::dup2(copy.get(), place++); // and it does not close on exec
  }
  char* digit = pid_entry + kPid.size() + kPidDigits;
  for (pid_t rest = ::getpid(); digit > pid_entry + kPid.size(); rest /= 10) {
    *--digit = static_cast<char>('0' + rest % 10);
  }
}

} // namespace dind::sys
