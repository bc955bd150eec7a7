#include <host/subordinate_ids.hpp>

#include <sys/accounts.hpp>

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <vector>

namespace dind::host {
namespace {

constexpr std::string_view kDefault = "default";
constexpr std::string_view kDefaultUser = "dockremap";

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_all = read.ec == std::errc() && read.ptr == text.data() + text.size();
  return is_all ? std::optional(number) : std::nullopt;
}

// The ranges of the user, one behind the other from 0 on.
Result<std::vector<sys::IdRange>> ranges_of(const char* file, const std::string& text,
                                            const sys::User& user) {
  std::vector<sys::IdRange> ranges;
  std::string called;
  std::uint64_t inside = 0;
  for (const auto& line : sys::subordinate_lines(text, user)) {
    if (!called.empty() && line[0] != called) {
      return input_error("{} has lines for {} and for {}, who are one user", file, called, line[0]);
    }
    called = line[0];
    const auto outside = number_of(line[1]);
    const auto count = number_of(line[2]);
    if (!outside || !count || *count == 0) {
      return input_error("{}: \"{}:{}:{}\" is no range of IDs", file, line[0], line[1], line[2]);
    }
    if (inside + *count > std::numeric_limits<std::uint32_t>::max()) {
      return input_error("{} gives {} more IDs than there are", file, user.name);
    }
    ranges.push_back({static_cast<std::uint32_t>(inside), *outside, *count});
    inside += *count;
  }
  if (ranges.empty()) {
    return input_error("{} has no line for {}", file, user.name);
  }
  return ranges;
}

} // namespace

Accounts read_accounts() {
  return {sys::read_passwd(), sys::read_subuid(), sys::read_subgid()};
}

Result<std::optional<Remapping>> find_remapping(std::string_view user, const Accounts& accounts) {
  if (user.empty()) {
    return std::optional<Remapping>();
  }
  std::string_view who = user.substr(0, user.find(':'));
  who = who == kDefault ? kDefaultUser : who;
  const auto found = sys::find_user(accounts.passwd, who);
  if (!found) {
    return input_error("/etc/passwd has no user {}", who);
  }
  if (found->name == "root") {
    return std::optional(Remapping{"0.0", std::nullopt});
  }
  sys::IdMap ids;
  ids.users = TRY(ranges_of("/etc/subuid", accounts.subuid, *found));
  ids.groups = TRY(ranges_of("/etc/subgid", accounts.subgid, *found));
  std::string dir = fmt::format("{}.{}", ids.root_user(), ids.root_group());
  return std::optional(Remapping{std::move(dir), std::move(ids)});
}

} // namespace dind::host
