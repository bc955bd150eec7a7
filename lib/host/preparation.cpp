#include <host/preparation.hpp>

#include <base/log.hpp>
#include <host/cgroup.hpp>
#include <host/cgroup_namespace.hpp>
#include <host/stale_pids.hpp>
#include <sys/mount.hpp>

#include <fmt/ranges.h>

#include <sys/mount.h>
#include <unistd.h>

namespace dind::host {
namespace {

Result<void> mount_if_none(const fs::path& target, const std::string& type, unsigned long flags,
                           const std::string& data) {
  if (TRY(sys::is_mount_point(target))) {
    return {};
  }
  return sys::mount(type, target, type, flags, data);
}

} // namespace

Result<void> mount_securityfs(const fs::path& target) {
  if (::access(target.c_str(), F_OK) == -1) {
    return {};
  }
  return mount_if_none(target, "securityfs", 0, "");
}

Result<void> mount_tmp(const fs::path& target) {
  return mount_if_none(target, "tmpfs", 0, "");
}

std::vector<std::string> remove_stale_pids() {
  std::vector<std::string> warnings;
  for (const char* dir : {"/run", "/var/run"}) {
    if (const auto removed = remove_stale_pid_files(dir); !removed) {
      warnings.push_back(
          fmt::format("stale pid files may be left: {}", removed.error().describe()));
    }
  }
  return warnings;
}

std::vector<std::string> prepare_host(const PreparationSettings& settings) {
  std::vector<std::string> warnings = remove_stale_pids();
  const auto attempt = [&](std::string_view what, const Result<void>& outcome) {
    if (!outcome) {
      warnings.push_back(fmt::format("{}: {}", what, outcome.error().describe()));
    }
  };
  attempt("AppArmor and SELinux are not seen inside", mount_securityfs());
  attempt("/tmp stays on the container's root", mount_tmp());
  attempt("mounts of volumes do not propagate", sys::make_shared_recursively("/"));

  if (settings.cgroup_namespace) {
    const auto made = make_private_cgroup_namespace();
    if (!made) {
      warnings.push_back(fmt::format(
          "inner containers are not below this container's cgroup, whose limits do not hold for "
          "them: {}",
          made.error().describe()));
    } else if (*made) {
      log::info("this container shares its host's cgroup namespace, and now has one of its own");
    }
  }
  const auto nesting = nest_cgroups();
  if (!nesting) {
    warnings.push_back(
        fmt::format("limits of inner containers may not work: {}", nesting.error().describe()));
  } else if (!nesting->not_enabled.empty()) {
    warnings.push_back(fmt::format("cgroup controllers that inner containers do not get: {}",
                                   fmt::join(nesting->not_enabled, ", ")));
  }
  return warnings;
}

} // namespace dind::host
