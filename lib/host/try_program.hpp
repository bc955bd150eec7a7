#pragma once

#include <base/reason.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dind::host {

// Runs a program that only looks, such as `iptables -nL`. Why it failed, by the first line that it
// wrote.
std::optional<Reason> try_program(const std::vector<std::string>& argv);

} // namespace dind::host
