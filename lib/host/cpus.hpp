#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::host {

// CPUs that this process may use: by its affinity and by the quotas of its cgroup and
// those above, rounded up; at least 1.
unsigned count_cpus();

// What a quota allows, rounded up: "max 100000" or "-1 100000" is none, "150000 100000" 2.
std::optional<unsigned> cpus_of_quota(std::string_view quota_and_period);

// The directories of a cgroup and its parents, as a mount shows them, the nearest first.
// `root` is what of the hierarchy is mounted on `mount_point`. A cgroup outside of
// that cannot be seen, and the mount point has to do.
std::vector<std::string> cgroup_dirs(const std::string& mount_point, const std::string& root,
                                     const std::string& cgroup);

// The cgroup that a line of /proc/self/cgroup tells for a controller; of the
// unified hierarchy if `controller` is "". nullopt where there is none.
std::optional<std::string> cgroup_of(std::string_view proc_cgroup, std::string_view controller);

} // namespace dind::host
