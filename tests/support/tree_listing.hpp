#pragma once

#include <boost/filesystem/path.hpp>

#include <map>
#include <string>

namespace dind::test {

// Everything that can be seen of a tree, a line for each path ("." is the tree itself): type,
// mode, owner, size, device, time of change in nanoseconds, extended attributes, content,
// symlink target, and the first path of the same inode. Written for tests only, on
// readdir and lstat, so that it shares no mistake with what it checks.
std::map<std::string, std::string> list_tree(const boost::filesystem::path& root);

} // namespace dind::test
