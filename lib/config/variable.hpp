#pragma once

#include <config/settings.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace dind::config {

// A variable of the environment that is a setting of this program.
struct Variable {
  // Puts the value where it belongs in the settings. What it returns instead is what is allowed,
  // for people: "not one of quick, full".
  using Read = std::function<std::optional<std::string>(std::string_view value, Settings& into)>;

  std::string_view name;
  std::string_view by_default; // what is assumed; empty where docker/REFERENCE.md describes it
  Read read;
};

} // namespace dind::config
