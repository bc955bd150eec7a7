#pragma once

#include <archive/tar_entry.hpp>
#include <cache/skeleton.hpp>
#include <store/parent_dirs.hpp>
#include <sys/file.hpp>

#include <string>
#include <vector>

namespace dind::store {

// Makes a layer's devices and fifos, as an engine makes them when it unpacks. The name
// must be free.
Result<void> make_node(sys::At at, const cache::Node& node);
Result<void> make_node(sys::At at, const archive::TarEntry& entry);
// A hard link to the node at `target` below `root`; `entry` has the metadata of both.
Result<void> link_node(sys::At at, const Fd& root, const std::string& target,
                       const archive::TarEntry& entry);

// All nodes of a skeleton, below `root`, to which `parents` belong.
Result<void> make_nodes(const Fd& root, ParentDirs& parents, const std::vector<cache::Node>& nodes);

} // namespace dind::store
