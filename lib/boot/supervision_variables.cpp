#include <boot/values.hpp>
#include <boot/variable_groups.hpp>
#include <init/signal_name.hpp>

#include <signal.h>

#include <algorithm>
#include <climits>
#include <cstdint>

namespace dind::boot {
namespace {

constexpr Choices<OnHookError, 2> kOnHookError = {
    {{"continue", OnHookError::go_on}, {"fail", OnHookError::fail}}};
constexpr std::uint64_t kMostSeconds = 7ULL * 24 * 3600;

std::optional<ExitWish> parse_exit_condition(std::string_view text) {
  constexpr std::string_view kFile = "file:";
  constexpr std::string_view kIdle = "idle:";
  if (text == "main") {
    return ExitWish{.on = ExitCondition::main};
  }
  if (text.starts_with(kFile) && is_file_path(text.substr(kFile.size()))) {
    return ExitWish{.on = ExitCondition::file, .path = std::string(text.substr(kFile.size()))};
  }
  const auto seconds =
      text.starts_with(kIdle) ? parse_number(text.substr(kIdle.size())) : std::nullopt;
  if (seconds && *seconds >= 1 && *seconds <= kMostSeconds) {
    return ExitWish{.on = ExitCondition::idle, .idle = std::chrono::seconds(*seconds)};
  }
  return std::nullopt;
}

std::optional<RestartWish> parse_restart(std::string_view text) {
  constexpr std::string_view kOnFailure = "on-failure";
  if (text == "no") {
    return RestartWish{};
  }
  if (text == kOnFailure) {
    return RestartWish{.on_failure = true};
  }
  if (!text.starts_with(kOnFailure) || text[kOnFailure.size()] != ':') {
    return std::nullopt;
  }
  const auto most = parse_number(text.substr(kOnFailure.size() + 1));
  return most && *most >= 1 && *most <= UINT_MAX
             ? std::optional(RestartWish{.on_failure = true, .most = static_cast<unsigned>(*most)})
             : std::nullopt;
}

// "TERM:QUIT": the kernel owns KILL and STOP, and CHLD is how children are reaped.
std::optional<std::pair<int, int>> parse_rewrite(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  const auto from = init::parse_signal(text.substr(0, colon));
  const std::string_view target = text.substr(colon + 1);
  const auto to = target == "0" ? std::optional(0) : init::parse_signal(target);
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

// One value, by the function that understands it.
template <typename T, typename Into>
Result<void> read_one(const VariableReader& reader, std::string_view name,
                      std::optional<T> (*parse)(std::string_view), std::string_view rule,
                      Into& into) {
  const auto value = reader.text(name);
  if (!value) {
    return {};
  }
  const std::optional<T> parsed = parse(*value);
  if (!parsed) {
    return bad_value(name, *value, rule);
  }
  into = *parsed;
  return {};
}

// A list of such values.
template <typename T>
Result<void> read_each(const VariableReader& reader, std::string_view name,
                       std::optional<T> (*parse)(std::string_view), std::string_view rule,
                       std::vector<T>& into) {
  const auto value = reader.text(name);
  if (!value) {
    return {};
  }
  for (const std::string& text : split(*value, ", ")) {
    const std::optional<T> parsed = parse(text);
    if (!parsed) {
      return bad_value(name, *value, rule);
    }
    into.push_back(*parsed);
  }
  return into.empty() ? bad_value(name, *value, rule) : Result<void>();
}

} // namespace

Result<SupervisionWishes> read_supervision_wishes(const VariableReader& reader) {
  SupervisionWishes wishes;
  TRY(reader.seconds("DIND_STOP_TIMEOUT", wishes.stop_timeout));
  TRY(reader.seconds("DIND_DRAIN", wishes.drain));
  wishes.drain_ignore = reader.text("DIND_DRAIN_IGNORE").value_or("");
  TRY(read_one(reader, "DIND_EXIT_WITH", parse_exit_condition,
               "not file:PATH (absolute), main, or idle:SECONDS", wishes.exit_with));
  TRY(read_one(reader, "DIND_RESTART", parse_restart, "not no, on-failure, or on-failure:N",
               wishes.restart));
  TRY(read_each(reader, "DIND_SIGNAL_REWRITE", parse_rewrite,
                "not pairs of signals such as TERM:QUIT, separated by \",\"",
                wishes.signal_rewrite));
  TRY(read_each(reader, "DIND_EXIT_REMAP", parse_exit_code,
                "not exit codes from 0 to 255, separated by \",\"", wishes.exit_remap));
  TRY(reader.path("DIND_READY_FILE", wishes.ready_file));
  TRY(reader.path("DIND_METRICS_FILE", wishes.metrics_file));
  TRY(reader.choose("DIND_HOOK_ON_ERROR", kOnHookError, wishes.on_hook_error));
  TRY(read_one(reader, "DIND_NOFILE", parse_file_limit, "not a number of open files, or SOFT:HARD",
               wishes.nofile));
  return wishes;
}

} // namespace dind::boot
