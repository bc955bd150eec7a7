#pragma once

#include <base/result.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace dind::archive {

// What a layer has at a clean path so far; `target` is a symlink's.
struct AtPath {
  enum class What { directory, symlink, other }; // or nothing
  What what = What::other;
  std::string_view target = {};
};
using LookUp = std::function<AtPath(const std::string& path)>;

// The clean path of a member with the symlinks among its parents followed, as the kernel follows
// them for an engine, to which the layer's root is "/": nothing leads out. Where a symlink leads,
// there need not be anything yet, but ".." leads up from directories only.
Result<std::string> follow_parents(const std::string& path, const LookUp& look_up);

} // namespace dind::archive
