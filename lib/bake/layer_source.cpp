#include <bake/layer_source.hpp>

namespace dind::bake {

LayerSource::LayerSource(archive::ByteSource& stored, const LayerDigests& expected)
    : expected_(expected),
      hashed_(expected.stored && *expected.stored != expected.diff_id
                  ? std::optional<archive::HashingSource>(std::in_place, stored)
                  : std::nullopt),
      stored_(hashed_ ? static_cast<archive::ByteSource&>(*hashed_) : stored) {}

Result<std::unique_ptr<LayerSource>> LayerSource::open(archive::ByteSource& stored,
                                                       const LayerDigests& expected) {
  auto layer = std::unique_ptr<LayerSource>(new LayerSource(stored, expected));
  layer->plain_ = TRY(archive::decompress(layer->stored_));
  if (expected.stored == expected.diff_id &&
      layer->plain_.compression != archive::Compression::none) {
    return input_error("its digest cannot be {}: that is the digest of its uncompressed content",
                       expected.diff_id.text());
  }
  layer->tar_.emplace(*layer->plain_.source);
  return layer;
}

Result<std::size_t> LayerSource::read(std::span<std::byte> into) {
  const std::size_t got = TRY(tar_->read(into));
  if (got == 0 && !checked_) {
    checked_ = true;
    TRY(check());
  }
  return got;
}

Result<void> LayerSource::check() {
  if (hashed_) {
    // A decompressor need not read what follows the last frame.
    TRY(archive::drain(*hashed_));
    if (const Digest found = hashed_->finish(); found != *expected_.stored) {
      return input_error("its digest is {}, not {}", found.text(), expected_.stored->text());
    }
  }
  if (const Digest found = tar_->finish(); found != expected_.diff_id) {
    return input_error("its diff ID is {}, not {}", found.text(), expected_.diff_id.text());
  }
  return {};
}

} // namespace dind::bake
