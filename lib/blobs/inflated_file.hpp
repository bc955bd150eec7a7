#pragma once

#include <archive/byte_source.hpp>
#include <archive/inflater.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace dind::blobs {

// A gzip file, inflated, front to back. A copy goes on from where it was made, by itself, and has
// no buffer before it is read: 40 KiB are a place to come back to.
class InflatedFile final : public archive::ByteSource {
public:
  // `file` must outlive this and all copies. It is read by pread.
  explicit InflatedFile(const Fd& file) : file_(file) {}
  InflatedFile(const InflatedFile& other);
  InflatedFile& operator=(const InflatedFile&) = delete;

  Result<std::size_t> read(std::span<std::byte> into) override;
  // How many bytes were read so far.
  std::uint64_t offset() const { return offset_; }

private:
  Result<std::span<const std::byte>> peek();

  const Fd& file_;
  archive::Inflater inflater_;
  std::uint64_t offset_ = 0;
  std::uint64_t file_at_ = 0; // of the file: where `input_` ends
  std::unique_ptr<std::byte[]> buffer_;
  std::span<const std::byte> input_; // of the buffer: what is not used yet
};

} // namespace dind::blobs
