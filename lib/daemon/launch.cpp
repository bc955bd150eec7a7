#include <daemon/launch.hpp>

#include <daemon/effective_file.hpp>
#include <sys/file.hpp>

#include <array>
#include <iterator>
#include <tuple>

namespace dind::daemon {
namespace {

void append(std::vector<std::string>& to, std::span<const std::string> what) {
  to.insert(to.end(), what.begin(), what.end());
}

// The user's options, less those that our own stand for.
std::vector<std::string> options_of(const Invocation& invocation, const CommandLine& flags,
                                    const ListenerPlan& listeners) {
  constexpr std::array<std::string_view, 1> kHosts = {"host"};
  const auto options = std::span(invocation.arguments).first(flags.options_end);
  return listeners.moves_hosts ? without_options(options, kHosts)
                               : std::vector<std::string>(options.begin(), options.end());
}

} // namespace

Result<Launch> configure(const Invocation& invocation, const CommandLine& flags,
                         const DaemonFile& file, const EngineChoice& choice,
                         const ListenerPlan& listeners, const fs::path& runtime_dir,
                         std::string_view notify_socket) {
  const Hosts policy = listeners.moves_hosts ? Hosts::take : Hosts::keep;
  Effective effective = TRY(merge(file.settings, flags, choice, policy));

  Launch launch;
  launch.environment = daemon_environment(invocation.environment, notify_socket);
  launch.api = listeners.api;

  TRY(forget_effective_file(runtime_dir));
  if (effective.differs) {
    const auto unmounted = TRY(place_effective_file(file, effective, runtime_dir));
    launch.file_written = true;
    if (unmounted) {
      const std::string copy = effective_file_in(runtime_dir).native();
      launch.warnings.push_back(
          fmt::format("dockerd reads {} by --config-file: {}", copy, unmounted->why));
      effective.arguments.push_back("--config-file=" + copy);
    }
  }
  for (const std::string& key : effective.kept) {
    launch.warnings.push_back(fmt::format(
        "\"{}\" stays as the user's daemon.json or options have it: a variable that asks for "
        "another has no effect",
        key));
  }

  if (effective.migration_left_out) {
    launch.warnings.emplace_back(
        "\"containerd-migration\" is left out: it would copy layers of cached images without what "
        "they delete. A data root that is empty gets the containerd store from the first start on");
  }

  // The last --config-file is the one that counts, so ours comes last among the options. Of
  // those for the listeners, the user's count.
  launch.argv = {"dockerd"};
  append(launch.argv, listeners.arguments);
  append(launch.argv, effective.leading);
  append(launch.argv, options_of(invocation, flags, listeners));
  append(launch.argv, effective.arguments);
  append(launch.argv, std::span(invocation.arguments).subspan(flags.options_end));
  return launch;
}

Result<Launch> configure_private(const Invocation& invocation, const CommandLine& flags,
                                 const DaemonFile& file, const EngineChoice& choice,
                                 const fs::path& dir, std::string_view notify_socket) {
  // dockerd refuses what is in its file and among its flags.
  constexpr std::array<std::string_view, 4> kPrivate = {"host", "pidfile", "config-file",
                                                        "restart"};
  Effective effective = TRY(merge(file.settings, flags, choice, Hosts::keep));
  effective.settings.erase("hosts");
  effective.settings.erase("pidfile");
  const fs::path settings = dir / "daemon.json";
  TRY(sys::replace_file(settings, json::print(effective.settings, json::Style::pretty), 0600,
                        sys::Durable::no));

  Launch launch;
  launch.file_written = true;
  launch.environment = daemon_environment(invocation.environment, notify_socket);
  launch.api = (dir / "docker.sock").native();
  launch.argv = {"dockerd"};
  append(launch.argv, without_options(invocation.arguments, kPrivate));
  append(launch.argv, effective.arguments);
  // --restart is deprecated in favour of policies, and still the one way to overrule
  // those of all containers (moby daemon/daemon.go, AutoRestart).
  launch.argv.push_back("--restart=false");
  launch.argv.push_back("--config-file=" + settings.native());
  launch.argv.push_back("--pidfile=" + (dir / "docker.pid").native());
  launch.argv.push_back("--host=unix://" + launch.api);
  return launch;
}

} // namespace dind::daemon
