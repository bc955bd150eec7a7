#include <support/unix_server.hpp>

#include <fmt/format.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace dind::test {

UnixServer::UnixServer(boost::filesystem::path path, std::string answer, std::string awaited)
    : path_(std::move(path)), answer_(std::move(answer)), awaited_(std::move(awaited)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (path_.size() >= sizeof address.sun_path) {
    std::abort();
  }
  std::memcpy(&address.sun_path, path_.c_str(), path_.size());
  if (::bind(listener_.get(), generic, sizeof address) == -1 ||
      ::listen(listener_.get(), 1) == -1) {
    std::perror("test support: cannot serve");
    std::abort();
  }
  thread_ = std::thread([this] { serve(); });
}

UnixServer::~UnixServer() {
  // Wakes an accept that no client has come for.
  ::shutdown(listener_.get(), SHUT_RDWR);
  if (thread_.joinable()) {
    thread_.join();
  }
}

std::string UnixServer::request() {
  thread_.join();
  return request_;
}

void UnixServer::serve() {
  const Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!client) {
    return;
  }
  std::array<char, 4096> part{};
  const bool is_silent = answer_ == kSilent;
  while (is_silent || request_.find(awaited_) == std::string::npos) {
    const ssize_t size = ::read(client.get(), part.data(), part.size());
    if (size <= 0) {
      return;
    }
    request_.append(part.data(), static_cast<std::size_t>(size));
  }
  // A client may have heard enough and be gone.
  ::send(client.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
}

std::string response(std::string_view status, std::string_view body) {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", status,
      body.size(), body);
}

} // namespace dind::test
