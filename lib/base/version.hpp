#pragma once

#include <string_view>

namespace dind {

// Of this project: "0.1.0".
std::string_view version();

// The commit that the programs were built from; "unknown" if they were built from no repository.
std::string_view commit();

} // namespace dind
