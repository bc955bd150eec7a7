#pragma once

#include <init/lifecycle.hpp>
#include <config/settings.hpp>

#include <sys/types.h>

#include <optional>
#include <string>

namespace dind::supervise {

// Whether a person may be at our standard input.
enum class Terminal { none, attached };

// How dockerd is to be kept, from what the user asked for.
init::Policy policy_of(const config::SupervisionSettings& settings, Terminal terminal);

// `code`, or 0 if the user said that it is none to be alarmed at.
int remapped(const config::SupervisionSettings& settings, int code);

// What cannot be had, which is a usage error: DIND_EXIT_WITH=main, as PID 1, and a ready or metrics
// file in the place of a device or a directory.
std::optional<std::string> objection(const config::SupervisionSettings& settings, pid_t own_pid);

// What may not end as expected: a stop that takes longer than engines and clusters grant.
std::optional<std::string> grace_warning(const config::SupervisionSettings& settings);

} // namespace dind::supervise
