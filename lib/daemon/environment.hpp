#pragma once

#include <base/environment.hpp>

#include <span>
#include <string>
#include <string_view>

namespace dind::daemon {

// The environment of dockerd: the inherited one without our own variables,
// without DOCKER_DRIVER (it beats every other way to name a driver, and has been
// translated), and without the supervisor's NOTIFY_SOCKET and LISTEN_*; with
// container=docker (moby hack/dind) and, unless empty, our NOTIFY_SOCKET.
Environment daemon_environment(std::span<const std::string> inherited,
                               std::string_view notify_socket);

} // namespace dind::daemon
