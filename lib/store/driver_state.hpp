#pragma once

#include <store/state.hpp>
#include <sys/dir.hpp>

#include <string>
#include <vector>

namespace dind::store {

// The entries of a directory of the data root; none if it does not exist.
Result<std::vector<sys::DirEntry>> entries_of(const Fd& root, const std::string& path);

// What one graph driver has in the data root `root`.
Result<DriverState> read_driver_state(const Fd& root, const std::string& driver);

} // namespace dind::store
