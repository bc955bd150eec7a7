#pragma once

#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

#include <string>
#include <vector>

namespace dind::host {

namespace fs = boost::filesystem;

struct PreparationSettings {
  bool cgroup_namespace = true; // a private one, where the runtime gave none
};

// Prepares this container for an engine inside it, as moby's hack/dind and the
// stock entrypoint do: / recursively shared, securityfs, a tmpfs on /tmp, stale
// pid files, nested cgroups. Each is an effort: what does not work is
// a line in the result, and the rest is still done.
std::vector<std::string> prepare_host(const PreparationSettings& settings);

// The one step that a rootless engine needs as well.
std::vector<std::string> remove_stale_pids();

// Steps of prepare_host. Mounts only where nothing is mounted yet; a kernel
// without securityfs has no directory for it, which is fine.
Result<void> mount_securityfs(const fs::path& target = "/sys/kernel/security");
Result<void> mount_tmp(const fs::path& target = "/tmp");

} // namespace dind::host
