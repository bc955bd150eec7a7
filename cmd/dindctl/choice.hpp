#pragma once

#include <CLI/App.hpp>

#include <string>
#include <vector>

namespace dind::ctl {

// An option or operand that takes one of `choices`, which its placeholder lists. `value` has the
// default.
CLI::Option* add_choice(CLI::App& verb, const std::string& name, std::string& value,
                        const std::vector<std::string>& choices, const std::string& says);

} // namespace dind::ctl
