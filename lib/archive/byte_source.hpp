#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace dind::archive {

// What is read at a time where nothing else decides: large enough that system
// calls do not count, small enough for the second-level cache.
inline constexpr std::size_t kReadSize = 256U << 10U;

// A stream of bytes that is read once, front to back.
class ByteSource {
public:
  virtual ~ByteSource() = default;

  // Fills a part of `into`, at least one byte, and returns how many; 0 is the
  // end, and stays the end. `into` must not be empty.
  virtual Result<std::size_t> read(std::span<std::byte> into) = 0;
};

// Reads a descriptor from where it stands. Does not own it.
class FdSource final : public ByteSource {
public:
  explicit FdSource(const Fd& fd) : fd_(fd) {}
  Result<std::size_t> read(std::span<std::byte> into) override;

private:
  const Fd& fd_;
};

// Reads `size` bytes of a descriptor from `offset` on, by pread: several may
// share one descriptor. A file that ends early is an error.
class RangeSource final : public ByteSource {
public:
  RangeSource(const Fd& fd, std::uint64_t offset, std::uint64_t size)
      : fd_(fd), offset_(offset), left_(size) {}
  Result<std::size_t> read(std::span<std::byte> into) override;

private:
  const Fd& fd_;
  std::uint64_t offset_;
  std::uint64_t left_;
};

class MemorySource final : public ByteSource {
public:
  explicit MemorySource(std::string_view bytes) : left_(bytes) {}
  Result<std::size_t> read(std::span<std::byte> into) override;

private:
  std::string_view left_;
};

// Reads until `into` is full or the source ends; returns how many bytes there were.
Result<std::size_t> read_fully(ByteSource& source, std::span<std::byte> into);

// Reads `source` to its end and throws the bytes away.
Result<void> drain(ByteSource& source);

} // namespace dind::archive
