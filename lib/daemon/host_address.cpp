#include <daemon/host_address.hpp>

#include <daemon/engine_api.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <charconv>
#include <optional>

namespace dind::daemon {
namespace {

constexpr std::string_view kUnix = "unix://";
constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kScheme = "://";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// "host:port", "[::1]:port", or either part alone.
struct HostAndPort {
  std::string_view host;
  std::string_view port;
};

std::optional<HostAndPort> split(std::string_view address) {
  if (address.starts_with('[')) {
    const std::size_t end = address.find(']');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    const std::string_view rest = address.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) {
      return std::nullopt;
    }
    return HostAndPort{address.substr(1, end - 1), rest.substr(rest.empty() ? 0 : 1)};
  }
  const std::size_t colon = address.find(':');
  if (colon != address.rfind(':')) {
    return std::nullopt; // an IPv6 address without brackets, which dockerd refuses
  }
  return colon == std::string_view::npos
             ? HostAndPort{address, ""}
             : HostAndPort{address.substr(0, colon), address.substr(colon + 1)};
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  if (text.empty()) {
    return kPlainPort;
  }
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(text.begin(), text.end(), port);
  return failure == std::errc() && end == text.end() && port != 0 ? std::optional(port)
                                                                  : std::nullopt;
}

// An IP address in the one form that the kernel writes it in: "::" for "0:0::0".
std::optional<std::string> canonical_ip(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  std::array<char, INET6_ADDRSTRLEN> written{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, text.c_str(), bytes.data()) == 1) {
      return ::inet_ntop(family, bytes.data(), written.data(), written.size());
    }
  }
  return std::nullopt;
}

void take_tcp(std::string_view address, HostAddress& into) {
  const auto parts = split(address);
  const auto port = parts ? port_of(parts->port) : std::nullopt;
  if (!port) {
    return;
  }
  const bool is_localhost = parts->host.empty() || parts->host == "localhost";
  if (auto ip = canonical_ip(is_localhost ? "127.0.0.1" : std::string(parts->host))) {
    into.kind = HostAddress::Kind::tcp;
    into.ip = std::move(*ip);
    into.port = *port;
  }
}

std::string_view without_old_run(std::string_view path) {
  constexpr std::string_view kOldRun = "/var/run/";
  return path.starts_with(kOldRun) ? path.substr(4) : path;
}

} // namespace

bool HostAddress::is_loopback() const {
  return ip.starts_with("127.") || ip == "::1";
}

bool HostAddress::is_dual_stack() const {
  return ip == "::" || (ip == "0.0.0.0" && !only_ipv4);
}

HostAddress parse_host(std::string_view text) {
  HostAddress address;
  address.text = text;
  text = trimmed(text);
  if (text.starts_with(kUnix)) {
    const std::string_view path = text.substr(kUnix.size());
    if (path.empty() || path.starts_with('/')) {
      address.kind = HostAddress::Kind::unix_socket;
      address.path = path.empty() ? kDefaultApiSocket : path;
    }
  } else if (text.starts_with(kTcp)) {
    take_tcp(text.substr(kTcp.size()), address);
  } else if (!text.empty() && text.find(kScheme) == std::string_view::npos) {
    take_tcp(text, address);
  }
  return address;
}

bool is_same_socket(const HostAddress& one, const HostAddress& other) {
  if (one.kind != other.kind) {
    return false;
  }
  switch (one.kind) {
  case HostAddress::Kind::unix_socket:
    return without_old_run(one.path) == without_old_run(other.path);
  case HostAddress::Kind::tcp:
    return one.ip == other.ip && one.port == other.port;
  case HostAddress::Kind::other:
    break;
  }
  return one.text == other.text;
}

} // namespace dind::daemon
