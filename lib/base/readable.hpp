#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace dind {

// "681.6 MB", as docker prints sizes: powers of ten.
std::string readable_size(std::uint64_t bytes);
// "48 s", "3 min 05 s", "2 h 10 min".
std::string readable_time(std::chrono::seconds time);

} // namespace dind
