#include <daemon/notify.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace dind::daemon {
namespace {

constexpr std::size_t kMessageLimit = 4096;

struct Received {
  std::string message;
  pid_t sender = 0;
};

pid_t sender_of(msghdr& header) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS) {
      ucred credentials{};
      std::memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
      return credentials.pid;
    }
  }
  return 0;
}

// EAGAIN when nothing waits.
Result<Received> receive_one(const Fd& fd) {
  std::array<char, kMessageLimit> text{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
  iovec into{text.data(), text.size()};
  msghdr header{};
  header.msg_iov = &into;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  // Descriptors that a sender attaches do not fit the control buffer; the kernel closes them.
  const ssize_t size = ::recvmsg(fd.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size == -1) {
    return errno_error("receive a notification");
  }
  return Received{std::string(text.data(), static_cast<std::size_t>(size)), sender_of(header)};
}

} // namespace

Notification parse_notification(std::string_view message) {
  Notification said;
  while (!message.empty()) {
    const std::size_t end = message.find('\n');
    const std::string_view line = message.substr(0, end);
    said.ready = said.ready || line == "READY=1";
    said.stopping = said.stopping || line == "STOPPING=1";
    said.reloading = said.reloading || line == "RELOADING=1";
    message.remove_prefix(end == std::string_view::npos ? message.size() : end + 1);
  }
  return said;
}

Result<void> send_notification(const std::string& socket, std::string_view message) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.empty() || socket.size() >= sizeof address.sun_path) {
    return Error(fmt::format("notify {}", socket), ENAMETOOLONG);
  }
  socket.copy(&address.sun_path[0], socket.size());
  if (socket.front() == '@') {
    address.sun_path[0] = '\0';
  }
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());
  if (::sendto(fd.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT, generic,
               size) == -1) {
    return errno_error("notify {}", socket);
  }
  return {};
}

Result<NotifySocket> NotifySocket::open(const fs::path& dir) {
  const fs::path path = dir / "notify";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error(fmt::format("bind {}", path.native()), ENAMETOOLONG);
  }
  std::memcpy(&address.sun_path, path.c_str(), path.size());

  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    return errno_error("make a datagram socket");
  }
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == -1) {
    return errno_error("ask for credentials on a socket");
  }
  if (::unlink(path.c_str()) == -1 && errno != ENOENT) {
    return errno_error("remove {}", path.native());
  }
  // The mode of the socket file is that of the descriptor, less the umask: set
  // before bind, it never exists with any other.
  if (::fchmod(fd.get(), 0600) == -1) {
    return errno_error("set the mode of a socket");
  }
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(fd.get(), generic, sizeof address) == -1) {
    return errno_error("bind {}", path.native());
  }
  return NotifySocket(std::move(fd), path);
}

NotifySocket::NotifySocket(NotifySocket&& other) noexcept
    : fd_(std::move(other.fd_)), path_(std::exchange(other.path_, {})) {}

NotifySocket::~NotifySocket() {
  if (!path_.empty()) {
    ::unlink(path_.c_str());
  }
}

Result<Notification> NotifySocket::receive(pid_t daemon) const {
  Notification all;
  for (;;) {
    const Result<Received> received = receive_one(fd_);
    if (!received) {
      if (received.error().is(std::errc::resource_unavailable_try_again)) {
        return all;
      }
      if (received.error().is(std::errc::interrupted)) {
        continue;
      }
      return received.error();
    }
    if (received->sender != daemon) {
      continue;
    }
    const Notification said = parse_notification(received->message);
    all.ready = all.ready || said.ready;
    all.stopping = all.stopping || said.stopping;
    all.reloading = all.reloading || said.reloading;
  }
}

} // namespace dind::daemon
