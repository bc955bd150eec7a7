#pragma once

#include <config/values.hpp>
#include <config/variable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// How the rows of the table in variables.cpp read their values: each function here makes one
// `Variable::Read`. `allowed` is what such a reader answers to a value that cannot be.
namespace dind::config {

// Where in the settings the value goes.
template <typename T>
using Place = T& (*)(Settings&);

// The words that a variable may hold, and what each means.
template <typename T, std::size_t Count>
using Choices = std::array<std::pair<std::string_view, T>, Count>;

template <typename T, std::size_t Count>
Variable::Read one_of(Place<T> place, const Choices<T, Count>& choices) {
  return [place, &choices](std::string_view value, Settings& into) -> std::optional<std::string> {
    std::string allowed = "not one of ";
    std::string_view comma;
    for (const auto& [word, meaning] : choices) {
      if (word == value) {
        place(into) = meaning;
        return std::nullopt;
      }
      allowed += fmt::format("{}{}", std::exchange(comma, ", "), word);
    }
    return allowed;
  };
}

// What `parse` understands.
template <typename T, typename Member>
Variable::Read parsed(Place<Member> place, std::optional<T> (*parse)(std::string_view),
                      const char* allowed) {
  return [=](std::string_view value, Settings& into) -> std::optional<std::string> {
    std::optional<T> understood = parse(value);
    if (!understood) {
      return allowed;
    }
    place(into) = *std::move(understood);
    return std::nullopt;
  };
}

// One or more of what `parse` understands, with any of `separators` between them.
template <typename T>
Variable::Read parsed_list(Place<std::vector<T>> place, std::optional<T> (*parse)(std::string_view),
                           const char* separators, const char* allowed) {
  return [=](std::string_view value, Settings& into) -> std::optional<std::string> {
    std::vector<T> understood;
    for (const std::string& part : split(value, separators)) {
      std::optional<T> one = parse(part);
      if (!one) {
        return allowed;
      }
      understood.push_back(*std::move(one));
    }
    if (understood.empty()) {
      return allowed;
    }
    place(into) = std::move(understood);
    return std::nullopt;
  };
}

// A whole number between `least` and `most`.
template <typename T>
Variable::Read number(Place<T> place, std::uint64_t least, std::uint64_t most) {
  return [=](std::string_view value, Settings& into) -> std::optional<std::string> {
    const auto parsed = parse_number(value);
    if (!parsed || *parsed < least || *parsed > most) {
      return fmt::format("not a whole number from {} to {}", least, most);
    }
    place(into) = static_cast<T>(*parsed);
    return std::nullopt;
  };
}

// Up to a week: what is longer is a mistake, and would overflow somewhere.
Variable::Read seconds(Place<std::chrono::seconds> place);

// Text that `is_allowed`.
Variable::Read text(Place<std::string> place, bool (*is_allowed)(std::string_view),
                    const char* allowed);

// One or more such texts, with any of `separators` between them.
Variable::Read list(Place<std::vector<std::string>> place, bool (*is_allowed)(std::string_view),
                    const char* separators, const char* allowed);

// The absolute path of a file that this program writes.
Variable::Read file_path(Place<std::string> place);

} // namespace dind::config
