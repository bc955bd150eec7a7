#include <containerd/records.hpp>

#include <limits>

namespace dind::containerd {
namespace {

constexpr std::int64_t kUnixEpoch = 62135596800; // in seconds of the year 1

std::string big_endian(std::uint64_t number, unsigned bytes) {
  std::string text;
  for (unsigned byte = bytes; byte > 0; --byte) {
    text += static_cast<char>(number >> (byte - 1) * 8 & 0xFF);
  }
  return text;
}

} // namespace

std::string encode_id(std::uint64_t id) {
  std::string bytes;
  for (; id >= 0x80; id >>= 7U) {
    bytes += static_cast<char>(id | 0x80);
  }
  return bytes + static_cast<char>(id);
}

Result<std::uint64_t> decode_id(std::string_view bytes) {
  std::uint64_t id = 0;
  unsigned shift = 0;
  for (const char byte : bytes) {
    const std::uint64_t bits = static_cast<unsigned char>(byte) & 0x7FU;
    if (shift > 63 || bits << shift >> shift != bits) {
      break;
    }
    id |= bits << shift;
    shift += 7;
    if ((static_cast<unsigned char>(byte) & 0x80U) == 0) {
      return id;
    }
  }
  return input_error("no number");
}

std::string encode_size(std::uint64_t size) {
  return encode_id(size << 1U);
}

Result<std::uint64_t> decode_size(std::string_view bytes) {
  const std::uint64_t size = TRY(decode_id(bytes));
  return size % 2 == 0 ? Result<std::uint64_t>(size / 2) : input_error("a negative size");
}

std::string encode_time(timespec time) {
  const auto seconds = static_cast<std::uint64_t>(time.tv_sec + kUnixEpoch);
  return "\x01" + big_endian(seconds, 8) + big_endian(static_cast<std::uint64_t>(time.tv_nsec), 4) +
         "\xFF\xFF";
}

std::string encode_parenthood(std::uint64_t parent, std::uint64_t child) {
  return encode_id(parent) + '\0' + encode_id(child);
}

Result<void> check_version(const std::optional<std::string>& encoded) {
  if (!encoded) {
    return input_error("no version");
  }
  const std::uint64_t version = TRY(decode_size(*encoded).within("version"));
  return version == kNewVersion || version == kLastVersion
             ? Result<void>()
             : input_error("version {}, where {} and {} are known", version, kNewVersion,
                           kLastVersion);
}

} // namespace dind::containerd
