#include <outer/blob_writer.hpp>

#include <sys/file.hpp>

#include <tuple>

namespace dind::outer {
namespace {

constexpr mode_t kBlobMode = 0644;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 40U; // of a layer's tar

} // namespace

Result<std::unique_ptr<BlobWriter>> BlobWriter::create(const Fd& dir) {
  std::string name = ".blob-" + sys::random_hex(8);
  Fd fd = TRY(sys::open_at({dir, name}, O_WRONLY | O_CREAT | O_EXCL, kBlobMode));
  return std::unique_ptr<BlobWriter>(new BlobWriter(dir, std::move(name), std::move(fd)));
}

BlobWriter::~BlobWriter() {
  if (!name_.empty()) {
    std::ignore = sys::unlink_at({dir_, name_});
  }
}

Result<StoredBlob> BlobWriter::finish() {
  const std::uint64_t size = hashed_.bytes();
  StoredBlob blob{hashed_.finish(), size};
  TRY(sys::set_mode_at({dir_, name_}, kBlobMode)); // whatever the umask
  TRY(sys::rename_at({dir_, name_}, {dir_, blob.digest.hex()}));
  name_.clear();
  return blob;
}

Result<StoredBlob> write_blob(const Fd& dir, std::string_view content) {
  const auto writer = TRY(BlobWriter::create(dir));
  TRY(writer->write_text(content));
  return writer->finish();
}

std::string layer_media_type(archive::Compression compression) {
  const std::string tar = "application/vnd.oci.image.layer.v1.tar";
  return compression == archive::Compression::none
             ? tar
             : tar + "+" + std::string(archive::name_of(compression));
}

LayerBlobWriter::LayerBlobWriter(std::unique_ptr<BlobWriter> blob, archive::CompressorPool* pool,
                                 const StopFlag& stop)
    : blob_(std::move(blob)), pool_(pool), stop_(stop),
      compressor_(pool ? std::make_unique<archive::BlockCompressor>(*pool, *blob_) : nullptr),
      tar_(compressor_ ? static_cast<archive::ByteSink&>(*compressor_) : *blob_) {}

Result<std::unique_ptr<LayerBlobWriter>>
LayerBlobWriter::create(const Fd& dir, archive::CompressorPool* pool, const StopFlag& stop) {
  auto blob = TRY(BlobWriter::create(dir));
  return std::unique_ptr<LayerBlobWriter>(new LayerBlobWriter(std::move(blob), pool, stop));
}

Result<void> LayerBlobWriter::write(std::span<const std::byte> bytes) {
  if (stop_) {
    return stopped();
  }
  if (tar_.bytes() + bytes.size() > kMostBytes) {
    return input_error("the layer has more than {} bytes", kMostBytes);
  }
  return tar_.write(bytes);
}

Result<OuterLayer> LayerBlobWriter::finish() {
  if (compressor_) {
    TRY(compressor_->finish());
  }
  Digest diff_id = tar_.finish();
  const StoredBlob blob = TRY(blob_->finish());
  return OuterLayer{std::move(diff_id),
                    blob,
                    layer_media_type(pool_ ? pool_->kind() : archive::Compression::none),
                    {}};
}

} // namespace dind::outer
