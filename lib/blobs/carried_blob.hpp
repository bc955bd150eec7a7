#pragma once

#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace dind::blobs {

// A compressed layer that a cache carries, as it came. Its bytes are not hashed: who reads all of
// them knows the digest.
class CarriedBlob {
public:
  // Of the cache whose directory `cache` is; the file must have `bytes` (cache::Blob::size).
  static Result<CarriedBlob> open(const Fd& cache, const Digest& digest, std::uint64_t bytes);

  // Fills `into` unless the blob ends, and returns how much; a file that has become shorter is an
  // error. For several threads.
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const;

private:
  CarriedBlob(Fd file, std::uint64_t bytes) : file_(std::move(file)), bytes_(bytes) {}

  Fd file_;
  std::uint64_t bytes_;
};

} // namespace dind::blobs
