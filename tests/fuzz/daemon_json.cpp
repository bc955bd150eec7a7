#include <fuzz/target.hpp>

#include <daemon/daemon_json.hpp>
#include <daemon/effective_file.hpp>
#include <daemon/listeners.hpp>

namespace dind::fuzz {
namespace {

// dockerd's options, a line each, and behind a NUL its daemon.json.
void run_daemon_json(std::string_view input) {
  const std::size_t end = std::min(input.find('\0'), input.size());
  const auto flags = daemon::parse_command_line(split(input.substr(0, end), '\n'));
  const auto file = daemon::parse_daemon_json(input.substr(std::min(end + 1, input.size())));
  if (!file) {
    return;
  }
  const daemon::EngineChoice choice{.driver = "overlay2",
                                    .containerd_snapshotter = false,
                                    .settings = {{"mtu", 1400}, {"proxies", {{"no-proxy", "x"}}}},
                                    .seeded_graph_layers = true};
  for (const auto hosts : {daemon::Hosts::keep, daemon::Hosts::take}) {
    const auto effective = daemon::merge(*file, flags, choice, hosts);
    if (effective) {
      // What is added to the user's settings at SIGHUP is what was added at the start.
      const json::object added = daemon::additions(*file, effective->settings);
      const json::object again = daemon::lay_under(*file, added);
      for (const auto& [key, value] : effective->settings) {
        require(again.contains(key));
      }
    }
  }
  std::ignore = daemon::complete_settings({}, flags, *file);
  const config::EngineSettings settings;
  std::ignore = daemon::plan_listeners(
      {.environment = {}, .flags = flags, .file = *file, .settings = settings});
}

const Target kTargetDaemonJson("daemon_json", run_daemon_json);

} // namespace
} // namespace dind::fuzz
