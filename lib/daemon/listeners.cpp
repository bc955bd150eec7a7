#include <daemon/listeners.hpp>

#include <daemon/engine_api.hpp>
#include <daemon/environment.hpp>

#include <algorithm>

namespace dind::daemon {
namespace {

constexpr std::string_view kUnix = "unix://";
constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kPlainTcp = "tcp://0.0.0.0:2375";
constexpr std::string_view kPlainPort = "2375";

// The path of a unix address; "" for others. /var/run is where /run was once,
// and leads there.
std::string unix_path(std::string_view host) {
  constexpr std::string_view kOldRun = "/var/run/";
  if (!host.starts_with(kUnix)) {
    return "";
  }
  const std::string path(host.substr(kUnix.size()));
  if (path.empty()) {
    return unix_path(std::string(kUnix) + kDefaultApiSocket);
  }
  return path.starts_with(kOldRun) ? path.substr(4) : path;
}

// The port of a TCP address, which needs no scheme; "" for others.
std::string_view tcp_port(std::string_view host) {
  if (host.starts_with(kTcp)) {
    host.remove_prefix(kTcp.size());
  } else if (host.find("://") != std::string_view::npos) {
    return "";
  }
  const std::size_t colon = host.rfind(':');
  const bool is_inside_address = host.find(']', colon) != std::string_view::npos;
  return colon == std::string_view::npos || is_inside_address ? kPlainPort : host.substr(colon + 1);
}

} // namespace

Listeners default_listeners(std::span<const std::string> environment,
                            std::span<const std::string> named) {
  Listeners listeners;
  const std::string docker_host = find_variable(environment, "DOCKER_HOST").value_or("");
  const std::string socket =
      docker_host.starts_with(kUnix) ? docker_host : std::string(kUnix) + kDefaultApiSocket;
  if (std::none_of(named.begin(), named.end(),
                   [&](const std::string& host) { return unix_path(host) == unix_path(socket); })) {
    listeners.hosts.push_back(socket);
  }
  if (const auto certificates = find_variable(environment, "DOCKER_TLS_CERTDIR")) {
    listeners.warnings.push_back(fmt::format(
        "DOCKER_TLS_CERTDIR={} asks for TLS, which this version does not set up: no TCP "
        "listener is opened; the API is served on {}",
        *certificates, socket));
  } else if (std::none_of(named.begin(), named.end(),
                          [](const std::string& host) { return tcp_port(host) == kPlainPort; })) {
    listeners.hosts.emplace_back(kPlainTcp);
  }
  return listeners;
}

std::string api_socket(std::span<const std::string> hosts) {
  if (hosts.empty()) {
    return kDefaultApiSocket;
  }
  for (const std::string_view host : hosts) {
    if (host == kUnix) {
      return kDefaultApiSocket;
    }
    if (host.starts_with(kUnix)) {
      return std::string(host.substr(kUnix.size()));
    }
  }
  return "";
}

} // namespace dind::daemon
