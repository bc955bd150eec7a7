#pragma once

#include <base/result.hpp>

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dind::boot {

// The words that a variable may hold, and what each means.
template <typename T, std::size_t Count>
using Choices = std::array<std::pair<std::string_view, T>, Count>;

// The error for a value that a variable cannot have: one line that teaches.
Error bad_value(std::string_view name, std::string_view value, std::string_view allowed);

// Reads variables of one environment into fields that keep their default if unset.
class VariableReader {
public:
  explicit VariableReader(std::span<const std::string> environment) : environment_(environment) {}

  // Set but empty means unset.
  std::optional<std::string> text(std::string_view name) const;

  template <typename T, std::size_t Count>
  Result<void> choose(std::string_view name, const Choices<T, Count>& choices, T& into) const {
    const auto value = text(name);
    if (!value) {
      return {};
    }
    std::string allowed = "not one of ";
    std::string_view comma;
    for (const auto& [word, meaning] : choices) {
      if (word == *value) {
        into = meaning;
        return {};
      }
      allowed += fmt::format("{}{}", std::exchange(comma, ", "), word);
    }
    return bad_value(name, *value, allowed);
  }

  // A whole number between `least` and `most`.
  Result<void> number(std::string_view name, std::uint64_t least, std::uint64_t most,
                      std::uint64_t& into) const;

  // Up to a week: what is longer is a mistake, and would overflow somewhere.
  Result<void> seconds(std::string_view name, std::chrono::seconds& into) const;

  // An absolute path of a file that this program writes.
  Result<void> path(std::string_view name, std::string& into) const;

  // Words separated by commas or blanks, each of which `is_allowed`. `rule` says what is not so.
  Result<void> list(std::string_view name, bool (*is_allowed)(std::string_view),
                    std::string_view rule, std::vector<std::string>& into) const;

private:
  std::span<const std::string> environment_;
};

} // namespace dind::boot
