#pragma once

#include <base/result.hpp>

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace dind {

// A content address of the one kind the engine knows: "sha256:" and 64
// lower-case hex digits. A Digest that exists is well-formed, so its hex part
// is always safe as a file name.
class Digest {
public:
  static constexpr std::string_view kPrefix = "sha256:";

  // Accepts exactly "sha256:<64 lower-case hex digits>".
  static Result<Digest> parse(std::string_view text);
  // Accepts exactly the 64 digits.
  static Result<Digest> from_hex(std::string_view hex);

  const std::string& hex() const { return hex_; }
  std::string text() const { return std::string(kPrefix) + hex_; }
  // For people: the first digits, as many as the engine's commands show.
  std::string short_hex() const { return hex_.substr(0, 12); }

  auto operator<=>(const Digest&) const = default;

private:
  explicit Digest(std::string hex) : hex_(std::move(hex)) {}
  std::string hex_;
};

} // namespace dind

template <>
struct std::hash<dind::Digest> {
  std::size_t operator()(const dind::Digest& digest) const noexcept {
    return std::hash<std::string>()(digest.hex());
  }
};
