#include <config/supervision_values.hpp>

#include <sys/signal_name.hpp>
#include <config/values.hpp>

#include <signal.h>

#include <climits>

namespace dind::config {

std::optional<ExitWith> parse_exit_with(std::string_view text) {
  constexpr std::string_view kFile = "file:";
  constexpr std::string_view kIdle = "idle:";
  if (text == "main") {
    return ExitWith{.on = ExitOn::main};
  }
  if (text.starts_with(kFile) && is_file_path(text.substr(kFile.size()))) {
    return ExitWith{.on = ExitOn::file, .path = std::string(text.substr(kFile.size()))};
  }
  const auto seconds =
      text.starts_with(kIdle) ? parse_number(text.substr(kIdle.size())) : std::nullopt;
  if (seconds && *seconds >= 1 && *seconds <= kMostSeconds) {
    return ExitWith{.on = ExitOn::idle, .idle = std::chrono::seconds(*seconds)};
  }
  return std::nullopt;
}

std::optional<Restart> parse_restart(std::string_view text) {
  constexpr std::string_view kOnFailure = "on-failure";
  if (text == "no") {
    return Restart{};
  }
  if (text == kOnFailure) {
    return Restart{.on_failure = true};
  }
  if (!text.starts_with(kOnFailure) || text[kOnFailure.size()] != ':') {
    return std::nullopt;
  }
  const auto most = parse_number(text.substr(kOnFailure.size() + 1));
  return most && *most >= 1 && *most <= UINT_MAX
             ? std::optional(Restart{.on_failure = true, .most = static_cast<unsigned>(*most)})
             : std::nullopt;
}

// The kernel owns KILL and STOP, and CHLD is how children are reaped.
std::optional<std::pair<int, int>> parse_rewrite(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  const auto from = sys::parse_signal(text.substr(0, colon));
  const std::string_view target = text.substr(colon + 1);
  const auto to = target == "0" ? std::optional(0) : sys::parse_signal(target);
  const bool is_ours = from && *from != SIGKILL && *from != SIGSTOP && *from != SIGCHLD;
  return is_ours && to ? std::optional(std::pair(*from, *to)) : std::nullopt;
}

std::optional<int> parse_exit_code(std::string_view text) {
  const auto code = parse_number(text);
  return code && *code <= UCHAR_MAX ? std::optional(static_cast<int>(*code)) : std::nullopt;
}

std::optional<FileLimit> parse_file_limit(std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto soft = parse_number(text.substr(0, colon));
  const auto hard = colon == std::string_view::npos ? soft : parse_number(text.substr(colon + 1));
  return soft && hard && *soft >= 1 && *soft <= *hard ? std::optional(FileLimit{*soft, *hard})
                                                      : std::nullopt;
}

} // namespace dind::config
