#include "choice.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace dind::ctl {

CLI::Option* add_choice(CLI::App& verb, const std::string& name, std::string& value,
                        const std::vector<std::string>& choices, const std::string& says) {
  // An empty answer means yes, as CLI11 has it.
  const auto check = [choices](const std::string& text) {
    const bool is_one = std::find(choices.begin(), choices.end(), text) != choices.end();
    return is_one ? std::string()
                  : fmt::format("{} is not one of {}", text, fmt::join(choices, ", "));
  };
  return verb.add_option(name, value, says)
      ->type_name(fmt::format("{}", fmt::join(choices, "|")))
      ->check(check)
      ->capture_default_str();
}

} // namespace dind::ctl
