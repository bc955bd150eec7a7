#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::config {

// A week, in seconds: what is longer is a mistake, and would overflow somewhere.
inline constexpr std::uint64_t kMostSeconds = 7ULL * 24 * 3600;

// Values of variables. What is no such value is nullopt.
std::optional<std::uint64_t> parse_number(std::string_view text); // "42", and nothing around it
// "20g", "512M", "10GiB", "4096": bytes, with powers of 1024 as dockerd's own sizes have.
std::optional<std::uint64_t> parse_size(std::string_view text);

// An absolute path that can name a file: it does not end in a slash.
bool is_file_path(std::string_view text);

// The parts between any of `separators`, without empty ones.
std::vector<std::string> split(std::string_view text, std::string_view separators);

// For messages: "https://user:***@mirror" in place of what URLs have for a password.
std::string without_passwords(std::string_view text);

} // namespace dind::config
