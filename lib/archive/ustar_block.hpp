#pragma once

#include <archive/tar_header.hpp>

#include <array>
#include <cstdint>
#include <string_view>

namespace dind::archive {

// A field of a ustar header: where it begins, and how long it is (POSIX.1, pax).
struct UstarField {
  std::size_t at;
  std::size_t size;
};
inline constexpr UstarField kUstarName = {0, 100};
inline constexpr UstarField kUstarMode = {100, 8};
inline constexpr UstarField kUstarUid = {108, 8};
inline constexpr UstarField kUstarGid = {116, 8};
inline constexpr UstarField kUstarSize = {124, 12};
inline constexpr UstarField kUstarTime = {136, 12};
inline constexpr UstarField kUstarLink = {157, 100};
inline constexpr UstarField kUstarPrefix = {345, 155};

// The largest number that an octal field can hold: one digit less than its bytes.
constexpr std::uint64_t octal_limit(UstarField field) {
  return (std::uint64_t{1} << (3 * (field.size - 1))) - 1;
}

// One header block in the making.
class UstarBlock {
public:
  explicit UstarBlock(char type);

  // What does not fit is cut off.
  void put_text(UstarField field, std::string_view text);
  void put_octal(UstarField field, std::uint64_t value);
  // Octal; base-256, as GNU's and Go's tar have it, where that is too short.
  void put_size(std::uint64_t size);

  // The whole block, with its checksum.
  const std::array<std::byte, kTarBlock>& finish();

private:
  std::array<std::byte, kTarBlock> block_{};
};

} // namespace dind::archive
