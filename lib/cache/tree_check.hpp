#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <cache/expected_tree.hpp>
#include <sys/file.hpp>

#include <optional>
#include <set>
#include <string>

namespace dind::cache {

// A path of a tree, and what is wrong with it.
struct TreeFlaw {
  std::string path;
  std::string what;
};

// Paths of a tree that need not be as they are expected.
struct Exempt {
  std::set<std::string> without_capability = {}; // files that may lack theirs
  std::set<std::string> beside = {};             // names that may be there as well
  std::set<std::string> implied = {};            // directories of which only that they are counts
};

// Compares a directory with what it should hold: kinds, sizes, owners, modes,
// times in seconds, targets, hard links and capabilities, and that there is
// nothing else. The content of files is not looked at. Returns the first flaw, in the order of the
// tar, but a directory's time only if that is all; an error means that the
// question could not be answered.
Result<std::optional<TreeFlaw>> check_tree(const Fd& tree, const ExpectedTree& expected,
                                           const Exempt& exempt);

// Whether what has the name of a mark or a node can be one. A file, a directory or a symlink in its
// place would be seen in the layer.
bool may_be_mark(sys::At at);

// Whether an error says that something is not as it should be, rather than that
// it could not be looked at.
bool is_flaw(const Error& error);

} // namespace dind::cache
