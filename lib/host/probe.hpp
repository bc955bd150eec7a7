#pragma once

#include <base/result.hpp>
#include <host/facts.hpp>

#include <string>
#include <vector>

namespace dind::host {

// Finds out what this host supports, each by doing it for real in a scratch
// directory below `scratch_parent` (on the data root's filesystem) and undoing
// it. `samples` are directories, one inside each cache, with at least one file.
Result<HostFacts> probe(const Fd& data_root, const std::string& scratch_parent,
                        const std::vector<std::string>& samples);

} // namespace dind::host
