#pragma once

#include <set>
#include <string>
#include <vector>

namespace dind::ctl {

// The programs whose configuration is known, as `--config` takes them.
const std::vector<std::string>& configured_programs();

// What `program`, one of them, needs in its configuration to ask the registry at `host`
// ("172.17.0.1:5000") for images of `registries` ("docker.io") before it asks those.
std::string registry_lines(const std::string& program, const std::string& host,
                           const std::set<std::string>& registries);

} // namespace dind::ctl
