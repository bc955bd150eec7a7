#pragma once

#include <base/result.hpp>
#include <host/scratch.hpp>

#include <string>

namespace dind::host {

// Tries a kernel overlay on the data root's filesystem, with a whiteout honoured. `sample` is a
// directory of a cache, or empty for a try that stays inside the data root.
enum class MarkSpace { trusted, user }; // whose attributes overlayfs uses
Result<void> try_overlay(const Scratch& outer, const std::string& sample, MarkSpace marks);

} // namespace dind::host
