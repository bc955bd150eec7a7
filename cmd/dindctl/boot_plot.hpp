#pragma once

#include <report/status.hpp>

#include <string>

namespace dind::ctl {

// The boot as a timeline: an SVG image that needs nothing beside it, for light and dark.
std::string draw(const report::Status& status);

} // namespace dind::ctl
