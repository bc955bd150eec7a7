#pragma once

#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace dind::host {

namespace fs = boost::filesystem;

inline constexpr const char* kCgroupRoot = "/sys/fs/cgroup";

// What nesting containers below a cgroup came to.
struct Nesting {
  bool unified = false;                 // cgroup v2; nothing is done for v1
  unsigned moved = 0;                   // processes moved away
  std::vector<std::string> enabled;     // controllers that children now have
  std::vector<std::string> not_enabled; // and those that the kernel refused
};

// cgroup v2 gives controllers to children only while a cgroup has no processes
// of its own. Moves all of `root`'s into `root`/init and enables every
// controller for children, again and again for a bounded number of rounds, since `docker exec`
// may put a new process there at any time. Kernel threads and processes that
// have ended meanwhile are left alone.
Result<Nesting> nest_cgroups(const fs::path& root = kCgroupRoot);

// What to write to cgroup.subtree_control: "+cpu +io", or "" if all are enabled.
std::string subtree_request(std::string_view available, std::string_view enabled);

} // namespace dind::host
