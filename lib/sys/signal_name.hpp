#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dind::sys {

// A process that signal n ended exits with this and n, as a shell says it.
inline constexpr int kSignalBase = 128;

// A signal as people write it: "TERM", "SIGTERM" or its number. The names are
// the C library's (sigabbrev_np(3)), in capitals.
std::optional<int> parse_signal(std::string_view text);

// "SIGTERM"; "signal 35" for one without a name.
std::string signal_name(int signal);

} // namespace dind::sys
