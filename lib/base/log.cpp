#include <base/log.hpp>

#include <base/utf8.hpp>

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include <array>

namespace dind::log {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warn", "error"};
constexpr long long kNsPerSecond = 1'000'000'000;

Level lowest = Level::info;
Format shape = Format::logfmt;

// logrus writes "warning" where people write "warn".
std::string_view logrus_name(Level level) {
  return level == Level::warn ? "warning" : kLevelNames[static_cast<std::size_t>(level)];
}

// Text in double quotes, with everything escaped that would end the line or the quotes, or that a
// terminal would obey. Serves both formats: it is what JSON asks for.
std::string quoted(std::string_view message) {
  const std::string text = to_utf8(message);
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const std::size_t length = c == '\xc2' ? 2 : 1; // which leads U+0080 to U+00BF
    switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      if (is_control(std::string_view(text).substr(i, length))) {
        i += length - 1;
        out += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[i]));
      } else {
        out += c;
      }
    }
  }
  return out + '"';
}

std::string timestamp(long long unix_ns) {
  const auto seconds = static_cast<time_t>(unix_ns / kNsPerSecond);
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     unix_ns % kNsPerSecond);
}

} // namespace

Result<Level> parse_level(std::string_view text) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (text == kLevelNames[i]) {
      return static_cast<Level>(i);
    }
  }
  return input_error("\"{}\" is not one of debug, info, warn, error", text);
}

Result<Format> parse_format(std::string_view text) {
  if (text == "logfmt") {
    return Format::logfmt;
  }
  if (text == "json") {
    return Format::json;
  }
  return input_error("\"{}\" is not one of logfmt, json", text);
}

void set_level(Level level) {
  lowest = level;
}

void set_format(Format format) {
  shape = format;
}

bool is_on(Level level) {
  return level >= lowest;
}

std::string line(Format format, Level level, std::string_view message, long long unix_ns) {
  const std::string when = timestamp(unix_ns);
  return format == Format::json ? fmt::format("{{\"level\":\"{}\",\"msg\":{},\"time\":\"{}\"}}\n",
                                              logrus_name(level), quoted(message), when)
                                : fmt::format("time=\"{}\" level={} msg={}\n", when,
                                              logrus_name(level), quoted(message));
}

void write(Level level, std::string_view message) {
  const int saved = errno;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::string text = line(shape, level, message, now.tv_sec * kNsPerSecond + now.tv_nsec);
  // There is no other place to report that the log cannot be written.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
  errno = saved;
}

} // namespace dind::log
