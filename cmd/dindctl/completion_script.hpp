#pragma once

#include <CLI/App.hpp>

#include <string>
#include <vector>

namespace dind::ctl {

// Those that a completion can be made for.
std::vector<std::string> shells();

// What such a shell reads to complete verbs, options, and the words that an option allows.
std::string print_completion(const CLI::App& program, const std::string& shell);

} // namespace dind::ctl
