#pragma once

#include <base/result.hpp>
#include <config/settings.hpp>

#include <string>

namespace dind::ctl {

// What dind-init would take from this environment, for another data root if one is given.
Result<config::Settings> settings_of_environment(const std::string& data_root);

} // namespace dind::ctl
