#include <daemon/environment.hpp>

#include <config/variables.hpp>

#include <algorithm>

namespace dind::daemon {
namespace {

bool is_setting(std::string_view name) {
  const auto variables = config::variables();
  return std::any_of(variables.begin(), variables.end(),
                     [&](const config::Variable& variable) { return variable.name == name; });
}

bool is_kept_from_dockerd(std::string_view name) {
  return name == "NOTIFY_SOCKET" || name == "container" || name.starts_with("LISTEN_") ||
         is_setting(name);
}

} // namespace

Environment daemon_environment(std::span<const std::string> inherited,
                               std::string_view notify_socket) {
  Environment environment;
  for (const std::string& entry : inherited) {
    if (!is_kept_from_dockerd(variable_name(entry))) {
      environment.push_back(entry);
    }
  }
  environment.emplace_back("container=docker");
  if (!notify_socket.empty()) {
    environment.push_back("NOTIFY_SOCKET=" + std::string(notify_socket));
  }
  return environment;
}

} // namespace dind::daemon
