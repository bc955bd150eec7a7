#include <daemon/environment.hpp>

#include <algorithm>
#include <array>

namespace dind::daemon {
namespace {

constexpr std::array<Variable, 36> kOurs = {{
    {"DIND_ACTIVATE", true},
    {"DIND_BIP", true},
    {"DIND_CACHE_DIGEST", true},
    {"DIND_CACHE_DIR", true},
    {"DIND_CGROUPNS", true},
    {"DIND_DEFAULT_ADDRESS_POOLS", true},
    {"DIND_DNS", true},
    {"DIND_DRAIN", true},
    {"DIND_DRAIN_IGNORE", true},
    {"DIND_EXIT_REMAP", true},
    {"DIND_EXIT_WITH", true},
    {"DIND_HOOK_ON_ERROR", true},
    {"DIND_INSECURE_REGISTRIES", true},
    {"DIND_LOG_FORMAT", true},
    {"DIND_LOG_LEVEL", true},
    {"DIND_LOOP_SIZE", true},
    {"DIND_METRICS_FILE", true},
    {"DIND_MTU", true},
    {"DIND_NOFILE", true},
    {"DIND_PROMOTE", true},
    {"DIND_READY_FILE", true},
    {"DIND_REGISTRY_MIRRORS", true},
    {"DIND_REQUIRE_DRIVER", true},
    {"DIND_RESEED", true},
    {"DIND_RESTART", true},
    {"DIND_SEED", true},
    {"DIND_SEED_BUDGET", true},
    {"DIND_SEED_JOBS", true},
    {"DIND_SEED_ON_ERROR", true},
    {"DIND_SIGNAL_REWRITE", true},
    {"DIND_STOP_TIMEOUT", true},
    {"DIND_STORAGE_DRIVER", true},
    {"DIND_STORE", true},
    {"DIND_TCP_BIND", true},
    {"DIND_TLS_KEY", true},
    {"DIND_VERIFY", true},
}};

std::string_view name_of(std::string_view entry) {
  return entry.substr(0, entry.find('='));
}

bool is_kept_from_dockerd(std::string_view name) {
  return name == "DOCKER_DRIVER" || name == "NOTIFY_SOCKET" || name == "container" ||
         name.starts_with("LISTEN_") ||
         std::any_of(kOurs.begin(), kOurs.end(),
                     [&](const Variable& ours) { return ours.name == name; });
}

} // namespace

std::optional<std::string> find_variable(std::span<const std::string> environment,
                                         std::string_view name) {
  for (const std::string_view entry : environment) {
    if (entry.size() > name.size() + 1 && entry.starts_with(name) && entry[name.size()] == '=') {
      return std::string(entry.substr(name.size() + 1));
    }
  }
  return std::nullopt;
}

bool is_set(std::span<const std::string> environment, std::string_view name) {
  return std::any_of(environment.begin(), environment.end(),
                     [&](const std::string& entry) { return name_of(entry) == name; });
}

Environment with_path_prefix(Environment environment, const std::string& dir) {
  constexpr std::string_view kPath = "PATH=";
  for (std::string& entry : environment) {
    if (entry.starts_with(kPath)) {
      entry.insert(kPath.size(), dir + ":");
      return environment;
    }
  }
  environment.push_back(std::string(kPath) + dir);
  return environment;
}

std::span<const Variable> our_variables() {
  return kOurs;
}

Environment daemon_environment(std::span<const std::string> inherited,
                               std::string_view notify_socket) {
  Environment environment;
  for (const std::string& entry : inherited) {
    if (!is_kept_from_dockerd(name_of(entry))) {
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
