#include <sys/signal_name.hpp>

#include <fmt/format.h>

#include <signal.h>
#include <string.h>

#include <charconv>

namespace dind::sys {
namespace {

constexpr std::string_view kPrefix = "SIG";

} // namespace

std::optional<int> parse_signal(std::string_view text) {
  int number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc() && end == text.data() + text.size()) {
    return number >= 1 && number <= SIGRTMAX ? std::optional(number) : std::nullopt;
  }
  if (text.starts_with(kPrefix)) {
    text.remove_prefix(kPrefix.size());
  }
  for (number = 1; number < SIGRTMIN; ++number) {
    const char* name = ::sigabbrev_np(number);
    if (name != nullptr && text == name) {
      return number;
    }
  }
  return std::nullopt;
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? fmt::format("signal {}", signal) : fmt::format("{}{}", kPrefix, name);
}

} // namespace dind::sys
