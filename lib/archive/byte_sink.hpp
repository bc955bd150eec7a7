#pragma once

#include <archive/sha256.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace dind::archive {

// A stream of bytes that is written once, front to back.
class ByteSink {
public:
  virtual ~ByteSink() = default;
  virtual Result<void> write(std::span<const std::byte> bytes) = 0;

  Result<void> write_text(std::string_view text) { return write(std::as_bytes(std::span(text))); }
};

// Writes a descriptor where it stands. Does not own it.
class FdSink final : public ByteSink {
public:
  explicit FdSink(const Fd& fd) : fd_(fd) {}
  Result<void> write(std::span<const std::byte> bytes) override;

private:
  const Fd& fd_;
};

// Passes bytes on, counting and hashing them.
class HashingSink final : public ByteSink {
public:
  explicit HashingSink(ByteSink& inner) : inner_(inner) {}
  Result<void> write(std::span<const std::byte> bytes) override;

  std::uint64_t bytes() const { return bytes_; }
  Digest finish() { return hash_.finish(); }

private:
  ByteSink& inner_;
  Sha256 hash_;
  std::uint64_t bytes_ = 0;
};

// Shows a sink what is read of a source.
class TeeSource final : public ByteSource {
public:
  TeeSource(ByteSource& inner, ByteSink& sink) : inner_(inner), sink_(sink) {}
  Result<std::size_t> read(std::span<std::byte> into) override;

private:
  ByteSource& inner_;
  ByteSink& sink_;
};

// Writes all that is left of `source`.
Result<void> pour(ByteSource& source, ByteSink& sink);

} // namespace dind::archive
