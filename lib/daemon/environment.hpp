#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dind::daemon {

// An environment as execve(2) takes it: "NAME=value".
using Environment = std::vector<std::string>;

// The value of a variable. Set but empty means unset, hence nullopt.
std::optional<std::string> find_variable(std::span<const std::string> environment,
                                         std::string_view name);

// Whether a variable is set, be it to nothing.
bool is_set(std::span<const std::string> environment, std::string_view name);

// `environment` with `dir` as the first folder of PATH.
Environment with_path_prefix(Environment environment, const std::string& dir);

// The variables of this program, all of which are documented.
std::span<const std::string_view> our_variables();

// The environment of dockerd: the inherited one without our own variables,
// without DOCKER_DRIVER (it beats every other way to name a driver, and has been
// translated), and without the supervisor's NOTIFY_SOCKET and LISTEN_*; with
// container=docker (moby hack/dind) and, unless empty, our NOTIFY_SOCKET.
Environment daemon_environment(std::span<const std::string> inherited,
                               std::string_view notify_socket);

} // namespace dind::daemon
