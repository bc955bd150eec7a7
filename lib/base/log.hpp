#pragma once

#include <base/result.hpp>

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace dind::log {

enum class Level { debug, info, warn, error };
enum class Format { logfmt, json };

// "debug", "info", "warn", "error"; "logfmt", "json".
Result<Level> parse_level(std::string_view text);
Result<Format> parse_format(std::string_view text);

// Both hold for the whole process. Set them before the first thread starts.
void set_level(Level level);
void set_format(Format format);

// Writes one line to standard error with a single write(2), in the shape of
// dockerd's own lines (logrus' text format) or as JSON. Never fails, keeps errno.
void write(Level level, std::string_view message);
bool is_on(Level level);

// The line that `write` would write, for the time given in nanoseconds since the epoch.
std::string line(Format format, Level level, std::string_view message, long long unix_ns);

template <typename... Args>
void debug(fmt::format_string<Args...> text, Args&&... args) {
  if (is_on(Level::debug)) {
    write(Level::debug, fmt::format(text, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void info(fmt::format_string<Args...> text, Args&&... args) {
  if (is_on(Level::info)) {
    write(Level::info, fmt::format(text, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void warn(fmt::format_string<Args...> text, Args&&... args) {
  if (is_on(Level::warn)) {
    write(Level::warn, fmt::format(text, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void error(fmt::format_string<Args...> text, Args&&... args) {
  write(Level::error, fmt::format(text, std::forward<Args>(args)...));
}

} // namespace dind::log
