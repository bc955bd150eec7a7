#include <daemon/rootless.hpp>

#include <daemon/host_names.hpp>
#include <sys/accounts.hpp>
#include <sys/file.hpp>
#include <sys/spawn.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace dind::daemon {
namespace {

constexpr std::size_t kProcFileLimit = 1U << 20U;
constexpr const char* kWho = "error: attempting to run rootless dockerd but";

std::string first_line_of(const char* path) {
  const auto text = sys::read_file(path, kProcFileLimit);
  return text ? text->substr(0, text->find('\n')) : "";
}

bool has_subordinate_ids(uid_t uid) {
  const std::string number = std::to_string(uid);
  const auto user = sys::find_user(sys::read_passwd(), number).value_or(sys::User{"", number});
  return !sys::subordinate_lines(sys::read_subuid(), user).empty() &&
         !sys::subordinate_lines(sys::read_subgid(), user).empty();
}

bool make_writable(const std::string& dir) {
  return sys::make_dirs(dir, 0755) && ::access(dir.c_str(), W_OK) == 0;
}

std::string runtime_dir_of(std::span<const std::string> environment, uid_t uid) {
  return find_variable(environment, "XDG_RUNTIME_DIR").value_or(fmt::format("/run/user/{}", uid));
}

} // namespace

RootlessFacts look_for_rootless(std::span<const std::string> environment) {
  RootlessFacts facts;
  facts.uid = ::geteuid();
  facts.home = find_variable(environment, "HOME").value_or("");
  facts.runtime_dir = runtime_dir_of(environment, facts.uid);
  const auto path = find_variable(environment, "PATH");
  facts.has_rootlesskit =
      static_cast<bool>(sys::find_program("rootlesskit", path ? path->c_str() : nullptr));
  facts.has_subordinate_ids = has_subordinate_ids(facts.uid);
  facts.has_writable_dirs = make_writable(facts.runtime_dir) && !facts.home.empty() &&
                            make_writable(facts.home + "/.local/share/docker");
  facts.unprivileged_clone = first_line_of("/proc/sys/kernel/unprivileged_userns_clone");
  facts.max_user_namespaces = first_line_of("/proc/sys/user/max_user_namespaces");
  facts.addresses = read_host_names().addresses;
  return facts;
}

std::optional<Reason> rootless_objection(const RootlessFacts& facts) {
  if (!facts.has_rootlesskit) {
    return Reason{
        fmt::format("{} missing 'rootlesskit' (perhaps the 'docker:dind-rootless' image variant "
                    "is intended?)",
                    kWho)};
  }
  if (!facts.has_subordinate_ids) {
    return Reason{fmt::format(
        "{} missing necessary entries in /etc/subuid and/or /etc/subgid for {}", kWho, facts.uid)};
  }
  if (!facts.has_writable_dirs) {
    return Reason{fmt::format("{} need writable HOME ({}) and XDG_RUNTIME_DIR ({}) for user {}",
                              kWho, facts.home, facts.runtime_dir, facts.uid)};
  }
  if (!facts.unprivileged_clone.empty() && facts.unprivileged_clone != "1") {
    return Reason{fmt::format("{} need 'kernel.unprivileged_userns_clone' "
                              "(/proc/sys/kernel/unprivileged_userns_clone) set to 1",
                              kWho)};
  }
  if (facts.max_user_namespaces == "0") {
    return Reason{
        fmt::format("{} need 'user.max_user_namespaces' (/proc/sys/user/max_user_namespaces) "
                    "set to a sufficiently large value",
                    kWho)};
  }
  return std::nullopt;
}

RootlessCommand rootless_command(std::string_view program, std::span<const std::string> arguments,
                                 std::span<const std::string> environment,
                                 const RootlessFacts& facts, TcpPort port) {
  const auto or_default = [&](std::string_view name, const char* fallback) {
    return find_variable(environment, name).value_or(fallback);
  };
  RootlessCommand command;
  command.argv = {"rootlesskit",
                  "--net=" + or_default("DOCKERD_ROOTLESS_ROOTLESSKIT_NET", "slirp4netns"),
                  "--mtu=" + or_default("DOCKERD_ROOTLESS_ROOTLESSKIT_MTU", "1500"),
                  "--disable-host-loopback",
                  "--port-driver=builtin",
                  "--copy-up=/etc",
                  "--copy-up=/run"};
  // Words without quotes, as a shell would split them.
  std::istringstream flags(or_default("DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS", ""));
  for (std::string flag; flags >> flag;) {
    command.argv.push_back(flag);
  }
  const std::string bind = or_default("DIND_TCP_BIND", "0.0.0.0");
  if (port == TcpPort::published) {
    const char* number = find_variable(environment, "DOCKER_TLS_CERTDIR") ? "2376" : "2375";
    const std::string outside = bind.find(':') == std::string::npos ? bind : "[" + bind + "]";
    command.argv.insert(command.argv.end(),
                        {"-p", fmt::format("{0}:{1}:{1}/tcp", outside, number)});
  }
  command.argv.emplace_back(program);
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());

  // The network inside is another one; clients will know the server by the addresses out here.
  std::string names = or_default("DOCKER_TLS_SAN", "");
  for (const std::string& address : facts.addresses) {
    names += fmt::format("{}IP:{}", names.empty() ? "" : ",", address);
  }

  // Inside we look like root, whose socket is elsewhere.
  const std::string host = find_variable(environment, "DOCKER_HOST").value_or("");
  const bool is_placed = host.starts_with("unix://");
  for (const std::string& entry : environment) {
    const bool is_replaced =
        entry.starts_with("XDG_RUNTIME_DIR=") || entry.starts_with("DOCKER_TLS_SAN=") ||
        entry.starts_with("DIND_TCP_BIND=") || (entry.starts_with("DOCKER_HOST=") && !is_placed);
    if (!is_replaced) {
      command.environment.push_back(entry);
    }
  }
  command.environment.push_back("XDG_RUNTIME_DIR=" + facts.runtime_dir);
  // The port's driver connects to 127.0.0.1 in there, where addresses out here do not exist.
  if (bind.starts_with("127.") || bind == "::1") {
    command.environment.emplace_back("DIND_TCP_BIND=127.0.0.1");
  }
  if (!names.empty()) {
    command.environment.push_back("DOCKER_TLS_SAN=" + names);
  }
  if (!is_placed) {
    command.environment.push_back("DOCKER_HOST=unix://" + facts.runtime_dir + "/docker.sock");
  }
  return command;
}

std::optional<RootlessPlaces> rootless_places(std::span<const std::string> environment) {
  if (!find_variable(environment, "ROOTLESSKIT_STATE_DIR")) {
    return std::nullopt;
  }
  const std::string home = find_variable(environment, "HOME").value_or("/");
  const auto dir = [&](std::string_view name, const char* below_home) {
    return find_variable(environment, name).value_or(home + below_home);
  };
  return RootlessPlaces{dir("XDG_DATA_HOME", "/.local/share") + "/docker",
                        dir("XDG_CONFIG_HOME", "/.config") + "/docker/daemon.json",
                        runtime_dir_of(environment, ::geteuid()) + "/dind-init"};
}

} // namespace dind::daemon
