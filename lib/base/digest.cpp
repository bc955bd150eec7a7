#include <base/digest.hpp>

#include <algorithm>

namespace dind {
namespace {

constexpr std::size_t kHexDigits = 64;

bool is_lower_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

} // namespace

Result<Digest> Digest::from_hex(std::string_view hex) {
  if (hex.size() != kHexDigits || !std::all_of(hex.begin(), hex.end(), is_lower_hex)) {
    return input_error("\"{}\" is not 64 lower-case hex digits", hex.substr(0, kHexDigits + 1));
  }
  return Digest(std::string(hex));
}

Result<Digest> Digest::parse(std::string_view text) {
  if (!text.starts_with(kPrefix)) {
    return input_error("\"{}\" is not a sha256 digest",
                       text.substr(0, kPrefix.size() + kHexDigits));
  }
  return from_hex(text.substr(kPrefix.size()));
}

} // namespace dind
