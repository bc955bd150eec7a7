#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <sys/types.h>

#include <string>
#include <string_view>

namespace dind::store {

// Opens `path` below `root`, and makes the directories of it that are missing,
// each with `mode`. No symlink is followed.
Result<Fd> ensure_dirs(const Fd& root, const std::string& path, mode_t mode);

// Whether `name` is one, and no path: names that were read from a data root lead nowhere else.
bool is_name(std::string_view name);

} // namespace dind::store
