#include <daemon/command.hpp>

#include <daemon/engine_api.hpp>
#include <sys/spawn.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>

namespace dind::daemon {
namespace {

std::string user_socket_of(std::span<const std::string> environment) {
  const auto dir = find_variable(environment, "XDG_RUNTIME_DIR");
  return dir ? *dir + "/docker.sock" : "";
}

bool is_socket(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
}

bool has_content(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && found.st_size > 0;
}

bool has_client_certificates(std::span<const std::string> environment) {
  constexpr std::array<const char*, 3> kNames = {"ca.pem", "cert.pem", "key.pem"};
  const auto root = find_variable(environment, "DOCKER_TLS_CERTDIR");
  return root && std::all_of(kNames.begin(), kNames.end(), [&](const char* name) {
           return has_content(*root + "/client/" + name);
         });
}

// Only the client knows its verbs: they differ between versions, and plug-ins add some.
bool does_docker_know(const std::string& verb) {
  const auto answer = sys::run({"docker", "help", verb});
  return answer && answer->status.code == 0;
}

std::string choose_host(std::span<const std::string> environment, const CommandFacts& facts) {
  if (facts.socket) {
    return std::string("unix://") + kDefaultApiSocket;
  }
  if (facts.user_socket) {
    return "unix://" + user_socket_of(environment);
  }
  const bool with_tls =
      facts.client_certificates || find_variable(environment, "DOCKER_TLS_VERIFY").has_value();
  return with_tls ? "tcp://docker:2376" : "tcp://docker:2375";
}

void set(Environment& environment, std::string_view name, const std::string& value) {
  const std::string prefix = std::string(name) + "=";
  std::erase_if(environment, [&](const std::string& entry) { return entry.starts_with(prefix); });
  environment.push_back(prefix + value);
}

} // namespace

CommandFacts look_for_command(std::span<const std::string> arguments,
                              std::span<const std::string> environment) {
  const std::string user_socket = user_socket_of(environment);
  return {.docker_knows_verb =
              !arguments.front().starts_with('-') && does_docker_know(arguments.front()),
          .socket = is_socket(kDefaultApiSocket),
          .user_socket = !user_socket.empty() && is_socket(user_socket),
          .client_certificates = has_client_certificates(environment)};
}

Command make_command(std::span<const std::string> arguments,
                     std::span<const std::string> environment, const CommandFacts& facts) {
  Command command{{arguments.begin(), arguments.end()}, {environment.begin(), environment.end()}};
  if (facts.docker_knows_verb || arguments.front().starts_with('-')) {
    command.argv.insert(command.argv.begin(), "docker");
  }

  std::string host = find_variable(environment, "DOCKER_HOST").value_or("");
  if (host.empty()) {
    host = choose_host(environment, facts);
    set(command.environment, "DOCKER_HOST", host);
  }
  const bool is_undecided = !find_variable(environment, "DOCKER_TLS_VERIFY") &&
                            !find_variable(environment, "DOCKER_CERT_PATH");
  if (host.starts_with("tcp:") && is_undecided && facts.client_certificates) {
    const std::string root = find_variable(environment, "DOCKER_TLS_CERTDIR").value_or("");
    set(command.environment, "DOCKER_TLS_VERIFY", "1");
    set(command.environment, "DOCKER_CERT_PATH", root + "/client");
  }
  return command;
}

} // namespace dind::daemon
