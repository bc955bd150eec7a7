#include <supervise/policy.hpp>

#include <fmt/format.h>

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace dind::supervise {
namespace {

constexpr auto kUsualGrace = std::chrono::seconds(30); // Kubernetes; docker stop has 10
constexpr auto kEnginesOwn = std::chrono::seconds(15); // dockerd's shutdown-timeout

// The file is removed and made anew: a device in its place is every program's. A symlink to one
// would go as well.
bool is_no_file(const std::string& path) {
  struct stat found {};
  return !path.empty() && ::stat(path.c_str(), &found) == 0 && !S_ISREG(found.st_mode);
}

} // namespace

init::Policy policy_of(const config::SupervisionSettings& settings, Terminal terminal) {
  init::Policy policy;
  policy.name = "dockerd";
  policy.rewrite = settings.signal_rewrite;
  policy.stop_timeout = settings.stop_timeout;
  policy.drain = settings.drain;
  policy.restart = settings.restart.on_failure;
  policy.most_restarts = settings.restart.most;
  policy.at_terminal = terminal == Terminal::attached;
  return policy;
}

int remapped(const config::SupervisionSettings& settings, int code) {
  const auto& harmless = settings.exit_remap;
  return std::find(harmless.begin(), harmless.end(), code) == harmless.end() ? code : 0;
}

std::optional<std::string> objection(const config::SupervisionSettings& settings, pid_t own_pid) {
  if (settings.exit_with.on == config::ExitOn::main && own_pid == 1) {
    return "DIND_EXIT_WITH=main: this is PID 1, so no process namespace is shared; "
           "set shareProcessNamespace in the pod, or docker run --pid=container:NAME";
  }
  for (const auto& [variable, path] : {std::pair("DIND_READY_FILE", &settings.ready_file),
                                       std::pair("DIND_METRICS_FILE", &settings.metrics_file)}) {
    if (is_no_file(*path)) {
      return fmt::format("{}={}: there is something else than a file, and a file would take its "
                         "place",
                         variable, *path);
    }
  }
  return std::nullopt;
}

std::optional<std::string> grace_warning(const config::SupervisionSettings& settings) {
  const auto stop = settings.stop_timeout.count() > 0 ? settings.stop_timeout : kEnginesOwn;
  if (settings.drain.count() == 0 || settings.drain + stop <= kUsualGrace) {
    return std::nullopt;
  }
  return fmt::format("draining ({} s) and stopping ({} s) may take longer than the usual grace "
                     "period of {} s, after which all is killed: raise "
                     "terminationGracePeriodSeconds, or docker stop -t",
                     settings.drain.count(), stop.count(), kUsualGrace.count());
}

} // namespace dind::supervise
