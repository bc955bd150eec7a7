#include <daemon/launch.hpp>

#include <daemon/listeners.hpp>
#include <sys/mount.hpp>

#include <unistd.h>

#include <array>
#include <iterator>
#include <tuple>

namespace dind::daemon {
namespace {

constexpr mode_t kDefaultMode = 0644;
constexpr mode_t kPermissions = 0777;

void append(std::vector<std::string>& to, std::span<const std::string> what) {
  to.insert(to.end(), what.begin(), what.end());
}

// What the user keeps from other readers stays so in our copy.
Result<mode_t> mode_for_copy(const DaemonFile& file) {
  if (!file.exists) {
    return kDefaultMode;
  }
  const Fd theirs = TRY(sys::open_path(file.path, O_RDONLY));
  const struct stat found = TRY(sys::stat_of(theirs));
  return static_cast<mode_t>(found.st_mode & kPermissions);
}

// Mounts `copy` over the user's path. A missing file needs a name to mount on.
Result<void> put_in_place(const fs::path& copy, const DaemonFile& file) {
  if (!file.exists) {
    TRY(sys::make_dirs(file.path.parent_path(), 0755));
    TRY(sys::replace_file(file.path, "{}\n", kDefaultMode, sys::Durable::no));
  }
  return sys::bind_mount(copy, file.path);
}

// The addresses that dockerd will listen on, from whichever place it takes them.
Result<std::vector<std::string>> hosts_of(std::span<const std::string> argv,
                                          const json::object& settings) {
  std::vector<std::string> hosts = parse_command_line(argv.subspan(1)).hosts;
  append(hosts, TRY(json::Fields(settings).texts_or_none("hosts")));
  return hosts;
}

} // namespace

Result<Launch> configure(const Invocation& invocation, const CommandLine& flags,
                         const DaemonFile& file, const EngineChoice& choice,
                         const fs::path& runtime_dir, std::string_view notify_socket) {
  const Hosts policy = invocation.default_listeners ? Hosts::take : Hosts::keep;
  Effective effective = TRY(merge(file.settings, flags, choice, policy));

  Launch launch;
  launch.environment = daemon_environment(invocation.environment, notify_socket);
  launch.argv = {"dockerd"};
  if (invocation.default_listeners) {
    std::vector<std::string> named = flags.hosts;
    append(named, TRY(json::Fields(file.settings).texts_or_none("hosts")));
    Listeners listeners = default_listeners(invocation.environment, named);
    for (const std::string& host : listeners.hosts) {
      launch.argv.push_back("--host=" + host);
    }
    launch.warnings = std::move(listeners.warnings);
  }

  if (effective.differs) {
    const fs::path copy = runtime_dir / "daemon.json";
    const mode_t mode = TRY(mode_for_copy(file));
    const std::string text = json::print(effective.settings, json::Style::pretty);
    TRY(sys::replace_file(copy, text, mode, sys::Durable::no));
    launch.file_written = true;
    if (const auto placed = put_in_place(copy, file); !placed) {
      launch.warnings.push_back(fmt::format("dockerd reads {} by --config-file: {}", copy.native(),
                                            placed.error().describe()));
      effective.arguments.push_back("--config-file=" + copy.native());
    }
  }

  // Ours come last among the options: the last --config-file is the one that counts.
  const std::span<const std::string> theirs = invocation.arguments;
  append(launch.argv, theirs.first(flags.options_end));
  append(launch.argv, effective.arguments);
  append(launch.argv, theirs.subspan(flags.options_end));

  launch.api = api_socket(TRY(hosts_of(launch.argv, effective.settings)));
  return launch;
}

Result<Launch> configure_private(const Invocation& invocation, const CommandLine& flags,
                                 const DaemonFile& file, const EngineChoice& choice,
                                 const fs::path& dir, std::string_view notify_socket) {
  // dockerd refuses what is in its file and among its flags.
  constexpr std::array<std::string_view, 4> kOurs = {"host", "pidfile", "config-file", "restart"};
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
  append(launch.argv, without_options(invocation.arguments, kOurs));
  append(launch.argv, effective.arguments);
  // --restart is deprecated in favour of policies, and still the one way to overrule
  // those of all containers (moby daemon/daemon.go, AutoRestart).
  launch.argv.push_back("--restart=false");
  launch.argv.push_back("--config-file=" + settings.native());
  launch.argv.push_back("--pidfile=" + (dir / "docker.pid").native());
  launch.argv.push_back("--host=unix://" + launch.api);
  return launch;
}

std::vector<std::string> command_argv(std::span<const std::string> arguments,
                                      std::span<const std::string> environment) {
  constexpr const char* kEntrypoint = "docker-entrypoint.sh";
  std::vector<std::string> argv(arguments.begin(), arguments.end());
  std::string rest = find_variable(environment, "PATH").value_or("");
  while (!rest.empty()) {
    const std::size_t end = rest.find(':');
    const fs::path candidate = fs::path(rest.substr(0, end)) / kEntrypoint;
    if (candidate.is_absolute() && ::access(candidate.c_str(), X_OK) == 0) {
      argv.insert(argv.begin(), candidate.native());
      break;
    }
    rest.erase(0, end == std::string::npos ? end : end + 1);
  }
  return argv;
}

} // namespace dind::daemon
