#include <archive/tar_header.hpp>

#include <algorithm>
#include <charconv>
#include <limits>

namespace dind::archive {
namespace {

struct Field {
  std::size_t offset;
  std::size_t size;
};

// Version 7, common to all.
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kUid{108, 8};
constexpr Field kGid{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kMtime{136, 12};
constexpr Field kChecksum{148, 8};
constexpr std::size_t kType = 156;
constexpr Field kLinkName{157, 100};
// ustar, star and GNU.
constexpr Field kMagicAndVersion{257, 8};
constexpr Field kDeviceMajor{329, 8};
constexpr Field kDeviceMinor{337, 8};
constexpr Field kUstarPrefix{345, 155};
constexpr Field kStarPrefix{345, 131};
constexpr Field kStarTrailer{508, 4};
constexpr Field kGnuAtime{345, 12};
constexpr Field kGnuCtime{357, 12};

std::span<const std::byte> get(TarBlock block, Field field) {
  return block.subspan(field.offset, field.size);
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<std::int64_t> parse_octal(std::span<const std::byte> field) {
  constexpr std::string_view kBlanks(" \0", 2);
  std::string_view digits = text_of(field);
  digits.remove_prefix(std::min(digits.find_first_not_of(kBlanks), digits.size()));
  digits = digits.substr(0, digits.find_last_not_of(kBlanks) + 1);
  digits = digits.substr(0, digits.find('\0'));
  if (digits.empty()) {
    return std::int64_t{0};
  }
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(digits.begin(), digits.end(), value, 8);
  if (failure != std::errc() || end != digits.end() || value < 0) {
    return input_error("a number field is not octal");
  }
  return value;
}

Result<std::int64_t> parse_base256(std::span<const std::byte> field) {
  // -a-1 is the complement of a, so negative numbers are read inverted.
  const bool negative = (field.front() & std::byte{0x40}) != std::byte{0};
  const auto mask = negative ? std::byte{0xff} : std::byte{0};
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < field.size(); ++i) {
    std::byte byte = field[i] ^ mask;
    if (i == 0) {
      byte &= std::byte{0x7f};
    }
    if (value >> 56U != 0) {
      return input_error("a number field is out of range");
    }
    value = (value << 8U) | static_cast<std::uint64_t>(byte);
  }
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return input_error("a number field is out of range");
  }
  const auto magnitude = static_cast<std::int64_t>(value);
  return negative ? -magnitude - 1 : magnitude;
}

bool has_right_checksum(TarBlock block) {
  std::int64_t as_unsigned = 0;
  std::int64_t as_signed = 0; // Sun's tar summed signed characters
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool in_field = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    const auto byte = in_field ? std::uint8_t{' '} : static_cast<std::uint8_t>(block[i]);
    as_unsigned += byte;
    as_signed += static_cast<std::int8_t>(byte);
  }
  const auto stated = parse_octal(get(block, kChecksum));
  return stated && (*stated == as_unsigned || *stated == as_signed);
}

TarFormat format_of(TarBlock block) {
  const std::string_view magic = text_of(get(block, kMagicAndVersion));
  if (magic.starts_with(std::string_view("ustar\0", 6))) {
    const bool star = text_of(get(block, kStarTrailer)) == std::string_view("tar\0", 4);
    return star ? TarFormat::star : TarFormat::ustar;
  }
  return magic == std::string_view("ustar  \0", 8) ? TarFormat::gnu : TarFormat::v7;
}

bool is_number_or_unset(std::span<const std::byte> field) {
  return field.front() == std::byte{0} || parse_tar_number(field);
}

std::string prefix_of(TarBlock block, TarFormat format) {
  switch (format) {
  case TarFormat::ustar:
    return parse_tar_text(get(block, kUstarPrefix));
  case TarFormat::star:
    return parse_tar_text(get(block, kStarPrefix));
  case TarFormat::gnu: {
    // GNU's format has times where ustar has the prefix. Go before 1.8 wrote
    // the prefix nevertheless; such headers betray themselves by broken times.
    if (is_number_or_unset(get(block, kGnuAtime)) && is_number_or_unset(get(block, kGnuCtime))) {
      return {};
    }
    std::string prefix = parse_tar_text(get(block, kUstarPrefix));
    const bool ascii = std::all_of(prefix.begin(), prefix.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    return ascii ? prefix : std::string();
  }
  case TarFormat::v7:
    break;
  }
  return {};
}

} // namespace

bool is_zero(TarBlock block) {
  return std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{0}; });
}

Result<std::int64_t> parse_tar_number(std::span<const std::byte> field) {
  if ((field.front() & std::byte{0x80}) != std::byte{0}) {
    return parse_base256(field);
  }
  return parse_octal(field);
}

std::string parse_tar_text(std::span<const std::byte> field) {
  const std::string_view text = text_of(field);
  return std::string(text.substr(0, text.find('\0')));
}

Result<std::int64_t> parse_decimal(std::string_view text) {
  const std::string_view whole = text;
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') {
    text.remove_prefix(1);
  }
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.begin(), text.end(), value);
  if (failure != std::errc() || end != text.end()) {
    return input_error("\"{}\" is not a number", whole.substr(0, 40));
  }
  return value;
}

Result<TarHeader> parse_tar_header(TarBlock block) {
  if (!has_right_checksum(block)) {
    return input_error("its checksum is wrong");
  }
  TarHeader header;
  header.format = format_of(block);
  header.type = static_cast<char>(block[kType]);
  header.name = parse_tar_text(get(block, kName));
  header.link_name = parse_tar_text(get(block, kLinkName));
  header.mode = TRY(parse_tar_number(get(block, kMode)));
  header.uid = TRY(parse_tar_number(get(block, kUid)));
  header.gid = TRY(parse_tar_number(get(block, kGid)));
  header.size = TRY(parse_tar_number(get(block, kSize)));
  header.mtime = TRY(parse_tar_number(get(block, kMtime)));
  if (header.format != TarFormat::v7) {
    header.device_major = TRY(parse_tar_number(get(block, kDeviceMajor)));
    header.device_minor = TRY(parse_tar_number(get(block, kDeviceMinor)));
  }
  const std::string prefix = prefix_of(block, header.format);
  if (!prefix.empty()) {
    header.name = prefix + "/" + header.name;
  }
  return header;
}

} // namespace dind::archive
