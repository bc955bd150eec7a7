#pragma once

#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <sys/file.hpp>

#include <cstdint>

namespace dind::containerd {

// What the store has of a layer whose files are its own, so that the layer outlives its cache.

struct LayerFiles {
  const Digest& diff_id;
  const Fd& files;
  const Fd& tar_split; // a file, read from its beginning
};

// Makes the layer's tar a file of `blobs`, in the place of what has its name there. Its hash shows
// that nothing is missing. Returns its bytes.
Result<std::uint64_t> write_layer_blob(const LayerFiles& layer, const Fd& staging, const Fd& blobs,
                                       sys::Durable durable);

// The same of a compressed layer that a cache carries, whose bytes are `content`.
Result<void> copy_carried_blob(const Digest& digest, const Fd& content, const Fd& staging,
                               const Fd& blobs, sys::Durable durable);

// Puts a copy of the tar-split into the directory of the layer's snapshot: by that a later boot
// knows whether the layer is whole.
Result<void> keep_tar_split(const Fd& tar_split, const Fd& staging, const Fd& snapshot,
                            sys::Durable durable);

} // namespace dind::containerd
