#pragma once

#include <archive/byte_source.hpp>
#include <base/digest.hpp>

#include <openssl/sha.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace dind::archive {

// SHA-256 as it goes along. Uses libcrypto's plain functions: its providers
// would bring dlopen into a static program.
class Sha256 {
public:
  Sha256();
  void update(std::span<const std::byte> bytes);
  // The digest of all that came. To be called once.
  Digest finish();

private:
  SHA256_CTX context_;
};

Digest sha256_of(std::string_view bytes);

// Passes a source through, counting and hashing what was read of it.
class HashingSource final : public ByteSource {
public:
  explicit HashingSource(ByteSource& inner) : inner_(inner) {}
  Result<std::size_t> read(std::span<std::byte> into) override;

  std::uint64_t bytes() const { return bytes_; }
  Digest finish() { return hash_.finish(); }

private:
  ByteSource& inner_;
  Sha256 hash_;
  std::uint64_t bytes_ = 0;
};

} // namespace dind::archive
