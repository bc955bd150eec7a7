#pragma once

#include <base/utf8.hpp>

#include <fmt/format.h>

namespace dind::ctl {

// A line on standard output. Names and reasons come from caches, data roots and other programs,
// and must not be obeyed by a terminal.
template <typename... Args>
void show_line(fmt::format_string<Args...> format, Args&&... args) {
  fmt::print("{}\n", printable(fmt::format(format, std::forward<Args>(args)...)));
}

} // namespace dind::ctl
