#include <archive/sha256.hpp>

#include <array>
#include <string>

namespace dind::archive {

// OpenSSL 3 would have its providers used.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

Sha256::Sha256() {
  SHA256_Init(&context_);
}

void Sha256::update(std::span<const std::byte> bytes) {
  SHA256_Update(&context_, bytes.data(), bytes.size());
}

Digest Sha256::finish() {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> raw{};
  SHA256_Final(raw.data(), &context_);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * raw.size());
  for (const unsigned char byte : raw) {
    hex += kDigits[byte >> 4U];
    hex += kDigits[byte & 0xfU];
  }
  return Digest::from_hex(hex).value();
}

#pragma GCC diagnostic pop

Digest sha256_of(std::string_view bytes) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(bytes)));
  return hash.finish();
}

Result<std::size_t> HashingSource::read(std::span<std::byte> into) {
  const std::size_t got = TRY(inner_.read(into));
  hash_.update(into.first(got));
  bytes_ += got;
  return got;
}

} // namespace dind::archive
