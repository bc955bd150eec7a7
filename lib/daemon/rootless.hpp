#pragma once

#include <base/environment.hpp>
#include <base/reason.hpp>
#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dind::daemon {

namespace fs = boost::filesystem;

// What an engine of an ordinary user needs, and whether it is there.
struct RootlessFacts {
  uid_t uid = 0;
  std::string home;        // HOME
  std::string runtime_dir; // XDG_RUNTIME_DIR, or /run/user/UID
  bool has_rootlesskit = false;
  bool has_subordinate_ids = false;   // lines of /etc/subuid and /etc/subgid
  bool has_writable_dirs = false;     // runtime_dir, and .local/share/docker of home
  std::string unprivileged_clone;     // of /proc/sys/kernel; "" if the kernel has no such switch
  std::string max_user_namespaces;    // of /proc/sys/user
  std::vector<std::string> addresses; // of this container
};

// Makes the directories that can be made.
RootlessFacts look_for_rootless(std::span<const std::string> environment);

// The stock entrypoint's own words for the first thing that is missing.
std::optional<Reason> rootless_objection(const RootlessFacts& facts);

// Whether the port of the default TCP listener leads inside.
enum class TcpPort { closed, published };

// rootlesskit, which makes the namespaces in which `program` then runs again with `arguments`. The
// environment tells the program where its socket shall be.
struct RootlessCommand {
  std::vector<std::string> argv;
  Environment environment;
};
RootlessCommand rootless_command(std::string_view program, std::span<const std::string> arguments,
                                 std::span<const std::string> environment,
                                 const RootlessFacts& facts, TcpPort port);

// Where a rootless engine has its things, as dockerd itself would choose.
struct RootlessPlaces {
  std::string data_root;
  fs::path daemon_json;
  fs::path runtime_dir; // for our files
};

// Inside of rootlesskit's namespaces, where we look like root; nullopt elsewhere.
std::optional<RootlessPlaces> rootless_places(std::span<const std::string> environment);

} // namespace dind::daemon
