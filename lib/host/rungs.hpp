#pragma once

#include <base/result.hpp>
#include <host/scratch.hpp>
#include <sys/id_map.hpp>

#include <optional>
#include <string>

namespace dind::host {

// The rungs of the probe. Each does its thing for real inside `outer`, on the data
// root's filesystem, and undoes it, whatever failed halfway. `sample` is a directory of a
// cache, or empty for a try that stays inside the data root.

// A kernel overlay, with a whiteout honoured.
enum class MarkSpace { trusted, user }; // whose attributes overlayfs uses
Result<void> try_overlay(const Scratch& outer, const std::string& sample, MarkSpace marks);

// The same by the program fuse-overlayfs, which the engine's driver of that name starts.
Result<void> try_fuse_overlayfs(const Scratch& outer, const std::string& sample);

// A subvolume, a snapshot of it, and both deleted.
Result<void> try_btrfs(const Scratch& outer);

// A small sparse file on a loop device, formatted by mkfs.ext4, mounted and written to.
Result<void> try_loop(const Scratch& outer);

// A file made and filled.
Result<void> try_write(const Scratch& outer);

// Directory entries of `outer` tell their type.
Result<void> try_d_type(const Scratch& outer);

// A file of the sample, or a fresh one, cloned (FICLONE) or linked into `outer`.
// With `ids` through a mount that maps them.
Result<void> try_reflink(const Scratch& outer, const std::string& sample,
                         const std::optional<sys::IdMap>& ids = {});
Result<void> try_hardlink(const Scratch& outer, const std::string& sample);

// A directory takes the attribute by which overlayfs knows an opaque one in a user namespace.
Result<void> try_user_marks(const Scratch& outer);

// A file made through an ID-mapped mount, with the owner that `ids` says.
Result<void> try_shifted_owners(const Scratch& outer, const sys::IdMap& ids);
// A directory for that inside `scratch`; see sys::open_mapped.
Result<Fd> open_shifted(const Scratch& scratch, const sys::IdMap& ids);

} // namespace dind::host
