#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dind::daemon {

inline constexpr std::uint16_t kPlainPort = 2375; // dockerd's own, without TLS

// An address of dockerd's --host or "hosts", as far as it can be bound without a name service.
// Whatever dockerd would look up, complain of, or get from systemd is `other`.
struct HostAddress {
  enum class Kind { unix_socket, tcp, other };
  enum class Origin { defaults, option, file }; // where a user would name another

  Kind kind = Kind::other;
  std::string path;       // of the unix socket
  std::string ip;         // of TCP: an IPv4 or IPv6 address
  std::uint16_t port = 0; // of TCP
  std::string text;       // as it was given
  bool only_ipv4 = false; // of 0.0.0.0, which to dockerd means every address of IPv6 as well
  Origin origin = Origin::option;

  bool is_tcp() const { return kind == Kind::tcp; }
  bool is_unix() const { return kind == Kind::unix_socket; }
  bool is_loopback() const;   // TCP that only this container reaches
  bool is_dual_stack() const; // TCP on every address, as Go listens on 0.0.0.0 and on ::
};

// By the rules of moby's opts/hosts.go: no scheme is tcp, no host is localhost, no port is 2375,
// no path is /var/run/docker.sock.
HostAddress parse_host(std::string_view text);

// Whether both name the same socket. /var/run is where /run was once, and leads there.
bool is_same_socket(const HostAddress& one, const HostAddress& other);

} // namespace dind::daemon
