#pragma once

#include <host/cgroup.hpp>

#include <string_view>

namespace dind::host {

// Whether /proc/self/cgroup is that of a process whose cgroup v2 is not the top of what it sees: it
// shares the namespace of the host, as in a privileged pod of Kubernetes. What an engine makes
// there lies beside the container's own cgroup, so that no limit of the container holds for it. The
// cgroup "init" of nest_cgroups counts as the top.
bool shares_cgroup_namespace(std::string_view proc_self_cgroup);

// Gives this thread and its children a cgroup namespace of their own where the runtime gave none,
// with this process' cgroup as its top, and mounts it at `root`. True if that was done; with cgroup
// v1 nothing is. After an error all is as it was.
Result<bool> make_private_cgroup_namespace(const fs::path& root = kCgroupRoot);

} // namespace dind::host
