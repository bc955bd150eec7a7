#include <sys/listen.hpp>

#include <sys/file.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string_view>
#include <tuple>

namespace dind::sys {
namespace {

constexpr int kBacklog = 4096; // the kernel takes less where net.core.somaxconn says so
constexpr std::string_view kDraftSuffix = "~";

Result<Fd> make_socket(int family) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    return errno_error("make a socket");
  }
  return fd;
}

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error("use the socket path " + path, ENAMETOOLONG);
  }
  std::memcpy(&address.sun_path, path.data(), path.size());
  return address;
}

template <typename Address>
const sockaddr* generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// The mode of a socket's file is that of its descriptor, less the umask: set before bind, the
// file never has any other.
Result<void> bind_with_mode(const Fd& fd, const std::string& path, mode_t mode) {
  const sockaddr_un address = TRY(unix_address(path));
  if (::fchmod(fd.get(), mode) == -1) {
    return errno_error("set the mode of {}", path);
  }
  const mode_t before = ::umask(0);
  const int bound = ::bind(fd.get(), generic(address), sizeof address);
  const int code = errno;
  ::umask(before);
  return bound == 0 ? Result<void>() : Error("bind " + path, code);
}

struct TcpAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Result<TcpAddress> tcp_address(const std::string& ip, std::uint16_t port) {
  TcpAddress address;
  auto* four = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* six = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, ip.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    address.size = sizeof(sockaddr_in);
  } else if (::inet_pton(AF_INET6, ip.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    address.size = sizeof(sockaddr_in6);
  } else {
    return Error(ip + " is no IP address", EINVAL);
  }
  return address;
}

Result<void> set_option(const Fd& fd, int level, int option, int value) {
  if (::setsockopt(fd.get(), level, option, &value, sizeof value) == -1) {
    return errno_error("set an option of a socket");
  }
  return {};
}

// Where the file of a unix socket is that `listen_at` made; "" for other sockets.
std::string file_of(const Fd& socket) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  const bool is_known =
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0;
  const std::string_view path(address.sun_path,
                              ::strnlen(address.sun_path, sizeof address.sun_path));
  if (!is_known || address.sun_family != AF_UNIX || !path.ends_with(kDraftSuffix)) {
    return "";
  }
  return std::string(path.substr(0, path.size() - kDraftSuffix.size()));
}

} // namespace

Result<bool> is_listened_at(const fs::path& path) {
  const sockaddr_un address = TRY(unix_address(path.native()));
  const Fd fd = TRY(make_socket(AF_UNIX));
  if (::connect(fd.get(), generic(address), sizeof address) == 0 || errno == EAGAIN) {
    return true; // EAGAIN: its backlog is full
  }
  if (errno == ENOENT || errno == ECONNREFUSED) {
    return false;
  }
  return errno_error("connect to {}", path.native());
}

Result<void> clear_socket_at(const fs::path& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) == -1) {
    return {};
  }
  // A file in the place of a socket is the user's mistake, and the user's to remove.
  if (!S_ISSOCK(found.st_mode)) {
    return Error(path.native() + " is no socket", EEXIST);
  }
  if (TRY(is_listened_at(path))) {
    return Error("listen at " + path.native(), EADDRINUSE);
  }
  if (::unlink(path.c_str()) == -1 && errno != ENOENT) {
    return errno_error("remove {}", path.native());
  }
  return {};
}

Result<Fd> listen_at(const fs::path& path, gid_t group, mode_t mode) {
  TRY(clear_socket_at(path));
  // Bound under another name and renamed: there is no moment in which the file is there and
  // connections are refused, or in which its group is not yet set.
  const std::string draft = path.native() + std::string(kDraftSuffix);
  TRY(clear_socket_at(draft)); // of a start that was killed
  Fd fd = TRY(make_socket(AF_UNIX));
  TRY(bind_with_mode(fd, draft, mode));
  const auto finish = [&]() -> Result<void> {
    if (::lchown(draft.c_str(), static_cast<uid_t>(-1), group) == -1) {
      return errno_error("give {} to group {}", path.native(), group);
    }
    TRY(start_listening(fd));
    if (::rename(draft.c_str(), path.c_str()) == -1) {
      return errno_error("rename {} to {}", draft, path.native());
    }
    return {};
  };
  if (auto finished = finish(); !finished) {
    ::unlink(draft.c_str());
    return std::move(finished).error();
  }
  return fd;
}

Result<Fd> bind_tcp(const std::string& ip, std::uint16_t port) {
  const TcpAddress address = TRY(tcp_address(ip, port));
  const int family = address.storage.ss_family;
  Fd fd = TRY(make_socket(family));
  TRY(set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1)); // or a restart would wait for TIME_WAIT
  if (family == AF_INET6) {
    TRY(set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, ip == "::" ? 0 : 1));
  }
  if (::bind(fd.get(), generic(address.storage), address.size) == -1) {
    return errno_error("bind {} port {}", ip, port);
  }
  return fd;
}

Result<Fd> bind_tcp_everywhere(std::uint16_t port) {
  auto both = bind_tcp("::", port);
  const bool has_ipv6 = both || !(both.error().is(std::errc::address_family_not_supported) ||
                                  both.error().is(std::errc::address_not_available));
  return has_ipv6 ? std::move(both) : bind_tcp("0.0.0.0", port);
}

Result<void> start_listening(const Fd& socket) {
  if (::listen(socket.get(), kBacklog) == -1) {
    return errno_error("listen");
  }
  return {};
}

std::vector<fs::path> stop_listening(std::vector<Fd>& sockets) {
  std::vector<fs::path> served;
  for (Fd& socket : sockets) {
    const std::string file = file_of(socket);
    socket = Fd();
    if (!file.empty() && !clear_socket_at(file)) {
      served.emplace_back(file);
    }
  }
  sockets.clear();
  return served;
}

} // namespace dind::sys
