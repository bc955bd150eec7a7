#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>

namespace dind::daemon {

namespace fs = boost::filesystem;

// What a daemon has said of itself, in the protocol of sd_notify(3).
struct Notification {
  bool ready = false;
  bool stopping = false;
  bool reloading = false;
};
Notification parse_notification(std::string_view message);

// Passes a message on to the supervisor of this program itself, at `socket`: a path, or "@" and an
// abstract name.
Result<void> send_notification(const std::string& socket, std::string_view message);

// The receiving end of NOTIFY_SOCKET: a datagram socket of mode 0600. Every
// message carries its sender's pid, filled in by the kernel (SCM_CREDENTIALS).
class NotifySocket {
public:
  // Binds `dir`/notify, in the place of an older one. ENAMETOOLONG if the path does not
  // fit a socket address (107 bytes).
  static Result<NotifySocket> open(const fs::path& dir);

  ~NotifySocket(); // unlinks
  NotifySocket(NotifySocket&& other) noexcept;
  NotifySocket& operator=(NotifySocket&&) = delete;

  const Fd& fd() const { return fd_; } // non-blocking; readable while a message waits
  const fs::path& path() const { return path_; }

  // Takes all messages that wait and tells what `daemon` said in them. Those
  // of other processes are dropped: any container that can reach the socket
  // could claim to be ready. Nothing waiting is an empty notification.
  Result<Notification> receive(pid_t daemon) const;

private:
  NotifySocket(Fd fd, fs::path path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Fd fd_;
  fs::path path_;
};

} // namespace dind::daemon
