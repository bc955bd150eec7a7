#include <tar_split/crc64.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace dind::tar_split {
namespace {

std::uint64_t crc_of(std::string_view text) {
  Crc64Iso crc;
  crc.update(std::as_bytes(std::span(text)));
  return crc.value();
}

TEST(Crc64IsoTest, HasTheCheckValueOfGosTable) {
  EXPECT_EQ(crc_of(""), 0U);
  EXPECT_EQ(crc_of("123456789"), 0xb90956c775a41001U);
}

TEST(Crc64IsoTest, GivesTheSameInPiecesOfEveryLengthAsByteByByte) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += static_cast<char>(i * 7);
  }
  for (std::size_t piece = 1; piece < 70; ++piece) {
    Crc64Iso whole;
    Crc64Iso bytewise;
    const auto bytes = std::as_bytes(std::span(text));
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      whole.update(bytes.subspan(at, std::min(piece, bytes.size() - at)));
    }
    for (const std::byte& byte : bytes) {
      bytewise.update({&byte, 1});
    }
    EXPECT_EQ(whole.value(), bytewise.value()) << piece;
  }
}

} // namespace
} // namespace dind::tar_split
