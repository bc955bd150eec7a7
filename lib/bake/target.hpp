#pragma once

#include <base/result.hpp>
#include <sys/mount.hpp>

#include <boost/filesystem/path.hpp>

#include <vector>

namespace dind::bake {

// Pure: component by component, and so of paths that are spelled plainly.
bool is_at_or_below(const boost::filesystem::path& path, const boost::filesystem::path& dir);

// Whether a cache in the directory `target`, an absolute path without symlinks,
// would become part of an image: not where an engine keeps its data, and not below
// a mount that Docker made for a VOLUME. The error says why not. Pure.
Result<void> check_target(const boost::filesystem::path& target,
                          const std::vector<sys::MountEntry>& mounts);

} // namespace dind::bake
