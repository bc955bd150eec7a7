#pragma once

#include <archive/byte_source.hpp>
#include <archive/compression.hpp>
#include <archive/sha256.hpp>
#include <base/digest.hpp>

#include <memory>
#include <optional>

namespace dind::bake {

// What the bytes of a layer must hash to.
struct LayerDigests {
  Digest diff_id;               // uncompressed
  std::optional<Digest> stored; // as they come
};

// The tar of a layer out of its stored bytes, compressed or not. The end is an
// error unless both hashes are what they must be.
class LayerSource final : public archive::ByteSource {
public:
  // Both must outlive the result.
  static Result<std::unique_ptr<LayerSource>> open(archive::ByteSource& stored,
                                                   const LayerDigests& expected);

  Result<std::size_t> read(std::span<std::byte> into) override;

  std::uint64_t tar_bytes() const { return tar_->bytes(); }
  archive::Compression compression() const { return plain_.compression; }

private:
  LayerSource(archive::ByteSource& stored, const LayerDigests& expected);
  Result<void> check();

  const LayerDigests& expected_;
  std::optional<archive::HashingSource> hashed_; // absent if the diff ID tells everything
  archive::ByteSource& stored_;
  archive::Decompressed plain_;
  std::optional<archive::HashingSource> tar_;
  bool checked_ = false;
};

} // namespace dind::bake
