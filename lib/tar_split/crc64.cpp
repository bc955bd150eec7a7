#include <tar_split/crc64.hpp>

#include <array>
#include <bit>
#include <cstring>

namespace dind::tar_split {
namespace {

constexpr std::uint64_t kPolynomial = 0xd800000000000000U; // ISO 3309, reflected
constexpr std::size_t kStride = 16;

using Table = std::array<std::uint64_t, 256>;

// Table k advances a byte by k further zero bytes, so that sixteen bytes are
// looked up independently of each other instead of one after the other.
constexpr std::array<Table, kStride> make_tables() {
  std::array<Table, kStride> tables{};
  for (std::uint64_t byte = 0; byte < 256; ++byte) {
    std::uint64_t state = byte;
    for (int bit = 0; bit < 8; ++bit) {
      state = (state >> 1U) ^ ((state & 1U) != 0 ? kPolynomial : 0);
    }
    tables[0][byte] = state;
  }
  for (std::size_t k = 1; k < kStride; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint64_t before = tables[k - 1][byte];
      tables[k][byte] = tables[0][before & 0xffU] ^ (before >> 8U);
    }
  }
  return tables;
}

constexpr std::array<Table, kStride> kTables = make_tables();

std::uint64_t load_little_endian(const std::byte* from) {
  std::uint64_t value = 0;
  std::memcpy(&value, from, sizeof value);
  if constexpr (std::endian::native == std::endian::big) {
    value = __builtin_bswap64(value);
  }
  return value;
}

// The eight bytes of `word`, of which the lowest is followed by `after` others.
std::uint64_t look_up(std::uint64_t word, std::size_t after) {
  std::uint64_t state = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    state ^= kTables[after - i][(word >> (8 * i)) & 0xffU];
  }
  return state;
}

} // namespace

void Crc64Iso::update(std::span<const std::byte> bytes) {
  std::uint64_t state = state_;
  while (bytes.size() >= kStride) {
    const std::uint64_t first = load_little_endian(bytes.data()) ^ state;
    const std::uint64_t second = load_little_endian(bytes.data() + 8);
    state = look_up(first, 15) ^ look_up(second, 7);
    bytes = bytes.subspan(kStride);
  }
  for (const std::byte byte : bytes) {
    state = kTables[0][(state ^ static_cast<std::uint64_t>(byte)) & 0xffU] ^ (state >> 8U);
  }
  state_ = state;
}

} // namespace dind::tar_split
