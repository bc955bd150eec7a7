#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

#include <map>
#include <set>
#include <string>

namespace dind::test {

// Puts a tree onto another, one entry after the other and with no cleverness: what layers
// are cloned with where the real cloner is out of reach. Directories merge; those in
// `keep` ("" is `to`) keep their metadata.
enum class CopyFiles { copied, linked };
Result<void> copy_tree(const Fd& from, const Fd& to, const std::set<std::string>& keep,
                       CopyFiles files);

// All that can be seen of a tree, path by path, in one line each: type, mode, owner, time,
// device, target, content, capability, and which path it is a hard link to. The time of
// the root is left out, as it is anybody's.
std::map<std::string, std::string> describe_tree(const boost::filesystem::path& root);

} // namespace dind::test
