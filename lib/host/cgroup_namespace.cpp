#include <host/cgroup_namespace.hpp>

#include <sys/file.hpp>
#include <sys/mount.hpp>

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <tuple>

namespace dind::host {
namespace {

constexpr std::size_t kFileLimit = 64U << 10U;

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
  const std::string own = TRY(sys::read_file("/proc/self/cgroup", kFileLimit));
  if (!shares_cgroup_namespace(own)) {
    return false;
  }
  const Fd shared = TRY(sys::open_path("/proc/thread-self/ns/cgroup", O_RDONLY));
  if (::unshare(CLONE_NEWCGROUP) == -1) {
    return errno_error("make a cgroup namespace");
  }
  // A mount shows the namespace that it was made in. The old one stays below.
  auto mounted =
      sys::mount("cgroup2", root, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME, "");
  if (!mounted) {
    std::ignore = ::setns(shared.get(), CLONE_NEWCGROUP);
    return std::move(mounted).error();
  }
  return true;
}

} // namespace dind::host
