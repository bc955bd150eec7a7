#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <sys/types.h>

#include <string>

namespace dind::store {

// Opens `path` below `root`, and makes the directories of it that are missing,
// each with `mode`. No symlink is followed.
Result<Fd> ensure_dirs(const Fd& root, const std::string& path, mode_t mode);

} // namespace dind::store
