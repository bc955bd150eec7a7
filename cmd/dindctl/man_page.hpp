#pragma once

#include <CLI/App.hpp>

#include <string>

namespace dind::ctl {

// The manual page, in roff: dindctl(1) of the program, dindctl-VERB(1) of a verb.
std::string print_man_page(const CLI::App& app);

} // namespace dind::ctl
