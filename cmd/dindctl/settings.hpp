#pragma once

#include <base/result.hpp>
#include <base/wishes.hpp>

#include <string>

namespace dind::ctl {

// What dind-init would take from this environment, for another data root if one is given.
Result<Wishes> wishes_of_environment(const std::string& data_root);

} // namespace dind::ctl
