#pragma once

#include <base/environment.hpp>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dind::daemon {

// What was found out about this container for a command other than dockerd.
struct CommandFacts {
  bool docker_knows_verb = false;   // `docker help VERB` succeeds for the first argument
  bool socket = false;              // /var/run/docker.sock is a socket
  bool user_socket = false;         // $XDG_RUNTIME_DIR/docker.sock is one
  bool client_certificates = false; // ca, cert and key are in $DOCKER_TLS_CERTDIR/client
};
CommandFacts look_for_command(std::span<const std::string> arguments,
                              std::span<const std::string> environment);

// The command, and the environment that it gets.
struct Command {
  std::vector<std::string> argv;
  Environment environment;
};

// What the stock image's docker-entrypoint.sh makes of arguments, which are not empty: a flag, or
// one of docker's own verbs, is docker's; all else is a command. Unless DOCKER_HOST is set, it
// becomes the first that is there: the engine's socket, the rootless engine's, or a host called
// "docker", with TLS if there are certificates for it or DOCKER_TLS_VERIFY asks for it.
Command make_command(std::span<const std::string> arguments,
                     std::span<const std::string> environment, const CommandFacts& facts);

} // namespace dind::daemon
