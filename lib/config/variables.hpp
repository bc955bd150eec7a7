#pragma once

#include <base/result.hpp>
#include <config/settings.hpp>
#include <config/variable.hpp>

#include <span>
#include <string>
#include <vector>

namespace dind::config {

// Every variable that is read, in the order of docker/REFERENCE.md. dockerd inherits none of them.
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
