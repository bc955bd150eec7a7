#pragma once

#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

namespace dind::host {

namespace fs = boost::filesystem;

inline constexpr const char* kRuntimeDir = "/run/dind-init";

// Where the files of a run are without a writable /run.
fs::path fallback_runtime_dir(const fs::path& data_root);

// Makes the directory for files of this run: /run/dind-init (0755) as a tmpfs of our
// own, since people share /run with less trusted containers; a plain directory
// where mounting is not allowed; without a writable /run, `data_root`/.dind-init/run
// (0700). One that exists is taken only if it is a directory of ours that no
// other user can write to (EPERM). A tmpfs of ours from before is used again. `preferred` is for
// tests.
Result<fs::path> make_runtime_dir(const fs::path& data_root,
                                  const fs::path& preferred = kRuntimeDir);

// The same without a mount, for a rootless engine: those outside of its mount namespace look there,
// too. 0700.
Result<fs::path> make_plain_runtime_dir(const fs::path& path);

} // namespace dind::host
