#pragma once

#include <archive/block_compressor.hpp>
#include <archive/byte_sink.hpp>
#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/stop_flag.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dind::outer {

// A blob of an image in the making: a file of a directory, named by its digest.
struct StoredBlob {
  Digest digest;
  std::uint64_t size = 0;
};

// Writes one. Unless it is finished, nothing of it stays.
class BlobWriter final : public archive::ByteSink {
public:
  static Result<std::unique_ptr<BlobWriter>> create(const Fd& dir);
  ~BlobWriter() override;
  BlobWriter(const BlobWriter&) = delete;
  BlobWriter& operator=(const BlobWriter&) = delete;

  Result<void> write(std::span<const std::byte> bytes) override { return hashed_.write(bytes); }
  Result<StoredBlob> finish();

private:
  BlobWriter(const Fd& dir, std::string name, Fd fd)
      : dir_(dir), name_(std::move(name)), fd_(std::move(fd)), file_(fd_), hashed_(file_) {}

  const Fd& dir_;
  std::string name_; // empty once it has its final one
  Fd fd_;
  archive::FdSink file_;
  archive::HashingSink hashed_;
};

Result<StoredBlob> write_blob(const Fd& dir, std::string_view content);

// A layer of the outer image.
struct OuterLayer {
  Digest diff_id; // of its tar
  StoredBlob blob;
  std::string media_type;
  std::vector<std::pair<std::string, std::string>> annotations;
};

// The media type of an image layer's tar, compressed so (OCI image spec, layer.md).
std::string layer_media_type(archive::Compression compression);

// Takes a layer's tar and stores it compressed, or as it is if there is no pool. Ends when `stop`
// says so, whatever else is asked meanwhile: a few bytes of an archive can stand for terabytes of
// zeros. A tar has at most a terabyte.
class LayerBlobWriter final : public archive::ByteSink {
public:
  static Result<std::unique_ptr<LayerBlobWriter>>
  create(const Fd& dir, archive::CompressorPool* pool, const StopFlag& stop);

  Result<void> write(std::span<const std::byte> bytes) override;
  Result<OuterLayer> finish();

private:
  LayerBlobWriter(std::unique_ptr<BlobWriter> blob, archive::CompressorPool* pool,
                  const StopFlag& stop);

  std::unique_ptr<BlobWriter> blob_;
  archive::CompressorPool* pool_;
  const StopFlag& stop_;
  std::unique_ptr<archive::BlockCompressor> compressor_;
  archive::HashingSink tar_;
};

} // namespace dind::outer
