#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <host/scratch.hpp>
#include <sys/id_map.hpp>

namespace dind::host {

// A file made through an ID-mapped mount, with the owner that `ids` says.
Result<void> try_shifted_owners(const Scratch& outer, const sys::IdMap& ids);
// A directory for that inside `scratch`; see sys::open_mapped.
Result<Fd> open_shifted(const Scratch& scratch, const sys::IdMap& ids);

} // namespace dind::host
