#pragma once

#include <span>
#include <string>
#include <vector>

namespace dind::daemon {

// The default listeners, as the stock entrypoint gives them: a unix socket
// (/var/run/docker.sock, or DOCKER_HOST if that is a unix:// one) and, while no TLS
// is wanted, tcp://0.0.0.0:2375. With DOCKER_TLS_CERTDIR there is no TCP listener
// at all, rather than a plain one, and a warning. A listener that `named` has
// already, as the same socket or TCP port, is left out.
struct Listeners {
  std::vector<std::string> hosts;
  std::vector<std::string> warnings;
};
Listeners default_listeners(std::span<const std::string> environment,
                            std::span<const std::string> named);

// The path of the first unix:// address (dockerd's own default if there are no
// addresses at all), or nothing.
std::string api_socket(std::span<const std::string> hosts);

} // namespace dind::daemon
