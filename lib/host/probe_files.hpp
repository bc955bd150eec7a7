#pragma once

#include <base/result.hpp>
#include <host/scratch.hpp>
#include <sys/id_map.hpp>

#include <optional>
#include <string>

namespace dind::host {

// A file made and filled.
Result<void> try_write(const Scratch& outer);

// Directory entries of `outer` tell their type.
Result<void> try_d_type(const Scratch& outer);

// A file of `sample`, a directory of a cache, or a fresh one where that is empty, cloned (FICLONE)
// or linked into `outer`. With `ids` through a mount that maps them.
Result<void> try_reflink(const Scratch& outer, const std::string& sample,
                         const std::optional<sys::IdMap>& ids = {});
Result<void> try_hardlink(const Scratch& outer, const std::string& sample);

// A directory takes the attribute by which overlayfs knows an opaque one in a user namespace.
Result<void> try_user_marks(const Scratch& outer);

} // namespace dind::host
