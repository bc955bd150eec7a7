#pragma once

#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

#include <vector>

namespace dind::host {

namespace fs = boost::filesystem;

// Removes docker*.pid (in any case) and containerd.pid below `dir`, following no
// symlink and entering no other filesystem, unless such a daemon runs under the pid
// in it: dockerd refuses to start while the pid of its file is in use by any process.
// Returns what it removed. A missing `dir` holds none.
Result<std::vector<fs::path>> remove_stale_pid_files(const fs::path& dir);

} // namespace dind::host
