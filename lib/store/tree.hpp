#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <sys/file.hpp>

#include <string>
#include <string_view>

namespace dind::store {

// Opens `path` below `root`, and makes the directories of it that are missing,
// each with `mode`. No symlink is followed.
Result<Fd> ensure_dirs(const Fd& root, const std::string& path, mode_t mode);

// A new directory, in place of whatever has the name. What is not there costs no look.
Result<void> make_fresh_dir(sys::At at, mode_t mode);

// A rename that replaces whatever has the name, directories that are not empty included.
Result<void> move_into_place(sys::At from, sys::At to);

// Whether `name` is one, and no path: names that were read from a data root lead nowhere else.
bool is_name(std::string_view name);

} // namespace dind::store
