#include <host/cgroup_namespace.hpp>

#include <sys/file.hpp>

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <tuple>

namespace dind::host {
namespace {

constexpr std::size_t kOwnCgroupLimit = 64U << 10U;

// mount(2) refuses a filesystem where it is mounted already, as it is here.
Result<void> mount_on_top(const fs::path& root) {
  const Fd context(::fsopen("cgroup2", FSOPEN_CLOEXEC));
  if (!context || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == -1) {
    return errno_error("open cgroup2");
  }
  constexpr unsigned kAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  const Fd detached(::fsmount(context.get(), FSMOUNT_CLOEXEC, kAttributes));
  if (!detached ||
      ::move_mount(detached.get(), "", AT_FDCWD, root.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == -1) {
    return errno_error("mount cgroup2 on {}", root.native());
  }
  return {};
}

} // namespace

bool shares_cgroup_namespace(std::string_view proc_self_cgroup) {
  constexpr std::string_view kUnified = "0::";
  while (!proc_self_cgroup.empty()) {
    const std::string_view line = proc_self_cgroup.substr(0, proc_self_cgroup.find('\n'));
    if (line.starts_with(kUnified)) {
      const std::string_view path = line.substr(kUnified.size());
      return path != "/" && path != "/init";
    }
    proc_self_cgroup.remove_prefix(std::min(line.size() + 1, proc_self_cgroup.size()));
  }
  return false;
}

Result<bool> make_private_cgroup_namespace(const fs::path& root) {
  if (::access((root / "cgroup.controllers").c_str(), F_OK) == -1) {
    return false;
  }
  const std::string own = TRY(sys::read_file("/proc/self/cgroup", kOwnCgroupLimit));
  if (!shares_cgroup_namespace(own)) {
    return false;
  }
  const Fd shared = TRY(sys::open_path("/proc/thread-self/ns/cgroup", O_RDONLY));
  if (::unshare(CLONE_NEWCGROUP) == -1) {
    return errno_error("make a cgroup namespace");
  }
  // A mount shows the namespace that it was made in. The old one stays below.
  auto mounted = mount_on_top(root);
  if (!mounted) {
    std::ignore = ::setns(shared.get(), CLONE_NEWCGROUP);
    return std::move(mounted).error();
  }
  return true;
}

} // namespace dind::host
