#pragma once

#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace dind::blobs {

// A blob that is served, as a file that is named by the hex digits of its digest.
struct BlobSource {
  enum class Form {
    tar,     // of the layer with this diff ID, made of its files
    carried, // a compressed layer, as it came
    left_out // one that the cache does not carry: reading it is EIO, and a line in the log
  };
  Digest digest;
  std::uint64_t bytes = 0; // cache::Layer::tar_bytes, or cache::Blob::size
  std::string cache;       // the path of the one that has it
  Form form = Form::tar;

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
