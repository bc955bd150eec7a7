#pragma once

#include <boost/filesystem/path.hpp>

#include <map>
#include <string>

namespace dind::test {

// All that can be seen of a tree, path by path, in one line each: type, mode, owner, time,
// device, target, content, capability, and which path it is a hard link to. The time of
// the root is left out, as it is anybody's.
std::map<std::string, std::string> describe_tree(const boost::filesystem::path& root);

} // namespace dind::test
