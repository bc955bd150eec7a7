#pragma once

#include <base/wishes.hpp>
#include <init/lifecycle.hpp>

#include <optional>
#include <string>

namespace dind::boot {

// How dockerd is to be kept, from what the user asked for.
init::Policy policy_of(const SupervisionWishes& wishes, bool at_terminal);

// `code`, or 0 if the user said that it is none to be alarmed at.
int remapped(const SupervisionWishes& wishes, int code);

// What cannot be had, which is a usage error: DIND_EXIT_WITH=main, as PID 1.
std::optional<std::string> objection(const SupervisionWishes& wishes, bool is_pid1);

// What may not end as expected: a stop that takes longer than engines and clusters grant.
std::optional<std::string> grace_warning(const SupervisionWishes& wishes);

} // namespace dind::boot
