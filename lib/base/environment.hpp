#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dind {

// An environment as execve(2) takes it: "NAME=value".
using Environment = std::vector<std::string>;

// The name of an entry "NAME=value".
std::string_view variable_name(std::string_view entry);

// The value of a variable. Set but empty means unset, hence nullopt.
std::optional<std::string> find_variable(std::span<const std::string> environment,
                                         std::string_view name);

// Whether a variable is set, be it to nothing.
bool is_set(std::span<const std::string> environment, std::string_view name);

// `environment` with `dir` as the first folder of PATH.
Environment with_path_prefix(Environment environment, const std::string& dir);

} // namespace dind
