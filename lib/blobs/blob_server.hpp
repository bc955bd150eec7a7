#pragma once

#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace dind::blobs {

// A layer whose blob is served, as a file that is named by the hex digits of its diff ID.
struct BlobSource {
  Digest diff_id;
  std::uint64_t bytes = 0; // of its tar: cache::Layer::tar_bytes
  std::string cache;       // the path of the one that has it

  bool operator==(const BlobSource&) const = default;
};

// Serves the files of a mount (`mount_blobs`) by `device`, until it is unmounted. For a process of
// its own, a child of root's that has one thread: it opens the caches, and is confined from then on
// (`sys::confine_to_reading`). Up to four threads, fewer under a pids limit, which sleep in read(2)
// where nothing is read. A file that cannot be made as it was is EIO, and a line in the log.
//
// The kernel keeps names, sizes and what was read, as long as it likes: layers never change.
Result<void> serve_blobs(Fd device, std::vector<BlobSource> sources);

} // namespace dind::blobs
