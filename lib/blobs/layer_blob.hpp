#pragma once

#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <blobs/tar_cursor.hpp>
#include <tar_split/payload.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace dind::blobs {

// The tar of a cached layer, made again from its tree and its tar-split wherever it is read: the
// blob that a manifest of uncompressed layers names.
//
// What it costs: two descriptors and 10 KiB until it is read. Then each of up to four cursors
// takes 350 KiB and goes on where it stood, so that readers in order, and a kernel that reads ahead
// in a few requests at once, cost the inflating of the tar-split once. Going elsewhere costs the
// way from the last checkpoint: milliseconds. Checkpoints take at most 2.6 MiB, however large the
// layer is, and a layer with less than a mebibyte of inflated tar-split has none.
//
// What it promises: a payload that is missing, no regular file, of another size, or that ends early
// is an error, as is a damaged tar-split, or one that is of a shorter or longer tar where that is
// read. A payload that has its size and other bytes is one only where a cursor reads it from its
// beginning to its end (tar-split has a checksum of the whole); else it is left to the reader, who
// knows the digest. After an error nothing can be read any more.
class LayerBlob {
public:
  // Of the cache whose directory `cache` is. The tar has `bytes` (cache::Layer::tar_bytes).
  static Result<std::unique_ptr<LayerBlob>> open(const Fd& cache, const Digest& diff_id,
                                                 std::uint64_t bytes);

  // Fills `into` unless the tar ends, and returns how much. For several threads.
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into);

private:
  LayerBlob(Fd tree, Fd tar_split, std::uint64_t bytes);
  Result<std::unique_ptr<TarCursor>> take_cursor(std::uint64_t offset);
  void give_back(std::unique_ptr<TarCursor> cursor);
  Error fail(Error error);

  const Fd tree_;
  const Fd tar_split_;
  const std::uint64_t bytes_;
  const tar_split::OpenPayload open_payload_;
  Checkpoints checkpoints_;

  std::mutex mutex_;                                // of what follows
  std::vector<std::unique_ptr<TarCursor>> cursors_; // at rest; the one used last is the last
  std::optional<Error> failure_;
};

} // namespace dind::blobs
