#pragma once

#include <archive/byte_source.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace dind::archive {

// A source, read in large pieces and handed out in small ones without copying.
class ReadBuffer {
public:
  explicit ReadBuffer(ByteSource& source) : source_(source) {}

  // The next `count` bytes (at most kReadSize), fewer only where the source
  // ends. They stay valid until the next call.
  Result<std::span<const std::byte>> peek(std::size_t count) {
    while (end_ - begin_ < count) {
      if (begin_ != 0) {
        std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
      }
      const std::size_t got = TRY(source_.read(std::span(buffer_.get(), kReadSize).subspan(end_)));
      if (got == 0) {
        break;
      }
      end_ += got;
    }
    return std::span<const std::byte>(buffer_.get() + begin_, std::min(count, end_ - begin_));
  }

  // Whatever there is, up to `limit` bytes; empty at the end.
  Result<std::span<const std::byte>> peek_some(std::uint64_t limit) {
    if (begin_ == end_) {
      begin_ = 0;
      end_ = TRY(source_.read({buffer_.get(), kReadSize}));
    }
    const std::size_t count = std::min<std::uint64_t>(limit, end_ - begin_);
    return std::span<const std::byte>(buffer_.get() + begin_, count);
  }

  void use(std::size_t count) {
    begin_ += count;
    offset_ += count;
  }

  // Bytes that were used so far.
  std::uint64_t offset() const { return offset_; }

private:
  ByteSource& source_;
  // Not filled with zeros: most layers are small, and a page that is not touched costs nothing.
  std::unique_ptr<std::byte[]> buffer_ = std::make_unique_for_overwrite<std::byte[]>(kReadSize);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;
};

} // namespace dind::archive
