#pragma once

#include <base/result.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace dind::archive {

// The target of the symlink that a layer has at a clean path so far, if that is what it has there.
using LookUpLink = std::function<std::optional<std::string_view>(const std::string& path)>;

// The clean path of a member with the symlinks among its parents followed, as the kernel follows
// them for an engine, to which the layer's root is "/": nothing leads out. Where a symlink leads,
// there need not be anything yet.
Result<std::string> follow_parents(const std::string& path, const LookUpLink& look_up);

} // namespace dind::archive
