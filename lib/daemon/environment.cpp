#include <daemon/environment.hpp>

#include <algorithm>
#include <array>

namespace dind::daemon {
namespace {

constexpr std::array<std::string_view, 36> kOurs = {
    "DIND_ACTIVATE",
    "DIND_BIP",
    "DIND_CACHE_DIGEST",
    "DIND_CACHE_DIR",
    "DIND_CGROUPNS",
    "DIND_DEFAULT_ADDRESS_POOLS",
    "DIND_DNS",
    "DIND_DRAIN",
    "DIND_DRAIN_IGNORE",
    "DIND_EXIT_REMAP",
    "DIND_EXIT_WITH",
    "DIND_HOOK_ON_ERROR",
    "DIND_INSECURE_REGISTRIES",
    "DIND_LOG_FORMAT",
    "DIND_LOG_LEVEL",
    "DIND_LOOP_SIZE",
    "DIND_METRICS_FILE",
    "DIND_MTU",
    "DIND_NOFILE",
    "DIND_PROMOTE",
    "DIND_READY_FILE",
    "DIND_REGISTRY_MIRRORS",
    "DIND_REQUIRE_DRIVER",
    "DIND_RESEED",
    "DIND_RESTART",
    "DIND_SEED",
    "DIND_SEED_BUDGET",
    "DIND_SEED_JOBS",
    "DIND_SEED_ON_ERROR",
    "DIND_SIGNAL_REWRITE",
    "DIND_STOP_TIMEOUT",
    "DIND_STORAGE_DRIVER",
    "DIND_STORE",
    "DIND_TCP_BIND",
    "DIND_TLS_KEY",
    "DIND_VERIFY",
};

std::string_view name_of(std::string_view entry) {
  return entry.substr(0, entry.find('='));
}

bool is_kept_from_dockerd(std::string_view name) {
  return name == "DOCKER_DRIVER" || name == "NOTIFY_SOCKET" || name == "container" ||
         name.starts_with("LISTEN_") || std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end();
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

std::span<const std::string_view> our_variables() {
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
