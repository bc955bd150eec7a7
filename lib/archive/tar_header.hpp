#pragma once

#include <base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace dind::archive {

inline constexpr std::size_t kTarBlock = 512;
using TarBlock = std::span<const std::byte, kTarBlock>;

// What the magic bytes of a header say about the fields behind them.
enum class TarFormat {
  v7,
  ustar, // and PAX, which is ustar with extension headers
  star,  // ustar's magic and a trailer; its prefix is shorter
  gnu,
};

// One 512-byte header, fields as they stand: extension headers are not applied.
struct TarHeader {
  TarFormat format = TarFormat::v7;
  char type = '0';
  std::string name; // with the prefix where the format has one
  std::string link_name;
  std::int64_t mode = 0;
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::int64_t size = 0;
  std::int64_t mtime = 0;
  std::int64_t device_major = 0;
  std::int64_t device_minor = 0;
};

bool is_zero(TarBlock block);

// Verifies the checksum, whose bytes may have been summed signed or unsigned,
// and reads the fields as Go's archive/tar does.
Result<TarHeader> parse_tar_header(TarBlock block);

// A number field: octal text between blanks and NULs, or, if the first bit is
// set, a big-endian two's complement number (GNU's base-256).
Result<std::int64_t> parse_tar_number(std::span<const std::byte> field);

// The text of a field up to its first NUL.
std::string parse_tar_text(std::span<const std::byte> field);

// A decimal number with an optional sign that is all of `text`.
Result<std::int64_t> parse_decimal(std::string_view text);

} // namespace dind::archive
