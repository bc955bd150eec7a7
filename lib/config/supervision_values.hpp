#pragma once

#include <config/settings.hpp>

#include <optional>
#include <string_view>
#include <utility>

namespace dind::config {

// Values of variables that say how dockerd is watched and ended. What is no such value is nullopt.
std::optional<ExitWith> parse_exit_with(std::string_view text); // "file:/done", "main", "idle:60"
std::optional<Restart> parse_restart(std::string_view text);    // "no", "on-failure:3"
std::optional<std::pair<int, int>> parse_rewrite(std::string_view text); // "TERM:QUIT", "USR1:0"
std::optional<int> parse_exit_code(std::string_view text);               // "143"
std::optional<FileLimit> parse_file_limit(std::string_view text);        // "1024", "1024:4096"

} // namespace dind::config
