#include <config/values.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace dind::config {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc() && end == text.data() + text.size() ? std::optional(number)
                                                                    : std::nullopt;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::string unit(text.substr(digits));
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const std::string_view suffix : {"ib", "b", "i"}) { // Kubernetes writes 20Gi
    if (unit.size() == suffix.size() + 1 && unit.ends_with(suffix)) {
      unit.resize(unit.size() - suffix.size());
      break;
    }
  }
  constexpr std::string_view kUnits = "kmgt";
  const auto number = parse_number(text.substr(0, digits));
  const std::size_t power = unit.empty() || unit == "b" ? 0 : kUnits.find(unit) + 1;
  if (!number || unit.size() > 1 || (power == 0 && !unit.empty() && unit != "b")) {
    return std::nullopt;
  }
  const unsigned shift = static_cast<unsigned>(power) * 10;
  return *number <= UINT64_MAX >> shift ? std::optional(*number << shift) : std::nullopt;
}

bool is_file_path(std::string_view text) {
  return text.starts_with('/') && !text.ends_with('/');
}

std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(separators);
    if (end != 0) {
      parts.emplace_back(text.substr(0, end));
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

std::string without_passwords(std::string_view text) {
  constexpr std::string_view kScheme = "://";
  std::string out;
  for (auto lead = text.find(kScheme); lead != std::string_view::npos; lead = text.find(kScheme)) {
    const std::size_t begin = lead + kScheme.size();
    const std::size_t end = std::min(text.find_first_of(", \t\n\"", begin), text.size());
    const std::string_view url = text.substr(begin, end - begin);
    const std::size_t at = url.rfind('@');
    const std::size_t colon = url.find(':');
    out.append(text.substr(0, begin));
    if (at != std::string_view::npos && colon < at) {
      out.append(url.substr(0, colon)).append(":***").append(url.substr(at));
    } else {
      out.append(url);
    }
    text.remove_prefix(end);
  }
  return out.append(text);
}

} // namespace dind::config
