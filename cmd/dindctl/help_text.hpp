#pragma once

#include <CLI/App.hpp>

#include <string>

namespace dind::ctl {

// What --help prints: of the program the verbs in groups, of a verb its operands and options.
std::string print_help(const CLI::App& app);

} // namespace dind::ctl
