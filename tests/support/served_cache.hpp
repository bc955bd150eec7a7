#pragma once

#include <cache/reader.hpp>
#include <support/cache_builder.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/file.hpp>
#include <sys/listen.hpp>
#include <registry/http_server.hpp>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <tuple>
#include <vector>

namespace dind::test {

struct Reply {
  int status = 0;
  std::string head;
  std::string body;
  bool is_whole = false; // as long as it says
};

// A cache, served on loopback by a child of this process.
class ServedCacheTest : public testing::Test {
protected:
  ~ServedCacheTest() override {
    if (server_ > 0) {
      ::kill(server_, SIGKILL);
      exit_code_of(server_);
    }
  }

  void serve() {
    const Fd listener = sys::bind_tcp("127.0.0.1", 0).value();
    ASSERT_TRUE(ok(sys::start_listening(listener)));
    sockaddr_in bound{};
    socklen_t size = sizeof bound;
    ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size), 0);
    port_ = ntohs(bound.sin_port);
    server_ = fork_into([&] {
      registry::Shelf shelf;
      const auto cache = cache::Cache::open(cache_.dir().path());
      if (!cache || !shelf.add(*cache)) {
        return 1;
      }
      registry::Missed missed(
          sys::open_path(missed_.path() / "missed", O_RDWR | O_APPEND | O_CREAT, 0600).value());
      std::vector<Fd> listeners;
      listeners.emplace_back(::dup(listener.get()));
      return registry::serve(listeners, shelf, missed, tally_) ? 0 : 2;
    });
    at_first_ = of_server("VmRSS:");
  }

  Fd connect() const {
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  // Of the client: what the kernel takes for it while it reads nothing.
  static void set_buffer(const Fd& fd, int bytes) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  static void send(const Fd& fd, const std::string& bytes) {
    std::ignore = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  static Reply parse(const std::string& all) {
    Reply reply;
    const std::size_t end = all.find("\r\n\r\n");
    if (end == std::string::npos || all.size() < 12) {
      return reply;
    }
    reply.status = std::stoi(all.substr(9, 3));
    reply.head = all.substr(0, end);
    reply.body = all.substr(end + 4);
    const std::size_t length = reply.head.find("Content-Length: ");
    reply.is_whole = std::stoull(reply.head.substr(length + 16)) == reply.body.size();
    return reply;
  }
  static std::string receive_all(const Fd& fd) {
    std::string all;
    std::string piece(1U << 16U, '\0');
    ssize_t got = 0;
    while ((got = ::recv(fd.get(), piece.data(), piece.size(), 0)) > 0) {
      all.append(piece, 0, static_cast<std::size_t>(got));
    }
    return all;
  }
  // All that the server says to these bytes, until it hangs up.
  Reply exchange(const std::string& bytes) const {
    const Fd fd = connect();
    send(fd, bytes);
    ::shutdown(fd.get(), SHUT_WR);
    return parse(receive_all(fd));
  }
  Reply get(const std::string& target, const std::string& more = "") const {
    return exchange("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + more +
                    "\r\n");
  }

  // What the server has come to take, in KiB, over what it got from this process by the fork.
  std::size_t grown() const { return of_server("VmHWM:") - at_first_; }
  std::size_t of_server(const std::string& key) const {
    std::ifstream status("/proc/" + std::to_string(server_) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(key)) {
        return std::stoul(line.substr(key.size()));
      }
    }
    return 0;
  }

  CacheBuilder cache_;
  const TempDir missed_;
  const registry::Tally tally_ = registry::Tally::open().value();
  pid_t server_ = 0;
  std::uint16_t port_ = 0;
  std::size_t at_first_ = 0;
};

} // namespace dind::test
