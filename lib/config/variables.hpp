#pragma once

#include <base/result.hpp>
#include <config/settings.hpp>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dind::config {

// A variable of the environment that is a setting of this program.
struct Variable {
  // Puts the value where it belongs in the settings. What it returns instead is what is allowed,
  // for people: "not one of quick, full".
  using Read = std::function<std::optional<std::string>(std::string_view value, Settings& into)>;

  std::string_view name;
  std::string_view by_default; // the value that is assumed; empty where README.md describes it
  Read read;
};

// Every variable that this program reads, in the order of README.md. dockerd does not inherit them.
std::span<const Variable> variables();

// The settings that the environment ("NAME=value") holds, defaults elsewhere. A
// variable that is set but empty is unset. The error is for people: it names the
// variable, its value and what is allowed.
Result<Settings> read_settings(std::span<const std::string> environment);

// Warnings about misspelt variables named DIND_*, with a suggestion. The stock image's DIND_COMMIT
// and what Kubernetes makes for a service called "dind" (DIND_PORT*, DIND_SERVICE_*,
// DIND_*_SERVICE_*, DIND_*_PORT*) are left alone.
std::vector<std::string> judge_variables(std::span<const std::string> environment);

} // namespace dind::config
