#pragma once

#include <archive/byte_source.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <images/patient_pipe.hpp>

#include <cstdint>
#include <functional>
#include <memory>

namespace dind::images {

// A file that can be read at any offset, and where its content begins.
struct Seekable {
  std::shared_ptr<const Fd> fd;
  std::uint64_t start = 0;
};

// Told how many bytes have been copied so far.
using SpoolProgress = std::function<void(std::uint64_t bytes)>;

// An empty file of the directory `scratch` that has no name: it goes with its descriptor.
Result<Fd> make_nameless(const Fd& scratch);

// `input` itself if it is a regular file that is not compressed. Otherwise its
// content, decompressed, in a file of `scratch` that no longer has a name: it
// goes when its last user does, whatever happens. A wait for a pipe's next bytes
// ends when `stop` is set.
Result<Seekable> make_seekable(Fd input, const Fd& scratch, const StopFlag& stop,
                               const SpoolProgress& progress);

} // namespace dind::images
