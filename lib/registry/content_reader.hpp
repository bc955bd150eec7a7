#pragma once

#include <archive/sha256.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <blobs/layer_blob.hpp>
#include <registry/answer.hpp>
#include <registry/shelf.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace dind::registry {

// The bytes of a slice, front to back. Where the slice is a whole content they are hashed as they
// go along, and the last ones are an error if the hash is not the digest: a client that got all
// bytes has the right ones. Of a part only the client knows, who has the rest.
class ContentReader {
public:
  // `shelf` must outlive this.
  ContentReader(Shelf& shelf, Slice slice) : shelf_(shelf), slice_(std::move(slice)) {}

  const Digest& digest() const { return slice_.digest; }
  std::uint64_t left() const { return slice_.part.size - done_; }
  // Fills `into` as far as bytes are left. After an error the content is not to be served again.
  Result<std::size_t> read(std::span<std::byte> into);
  // Closes what is open: the next read opens it again.
  void rest();

private:
  Result<void> open();
  Result<void> fill(std::span<std::byte> into);
  Result<void> check(std::span<const std::byte> got);

  Shelf& shelf_;
  const Slice slice_;
  std::uint64_t done_ = 0;
  archive::Sha256 hash_;
  std::shared_ptr<blobs::LayerBlob> layer_; // either of them
  Fd file_;
};

} // namespace dind::registry
